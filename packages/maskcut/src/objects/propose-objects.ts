import {
  assertImage,
  assertInRange,
  assertInteger,
  assertLength,
  assertPatchFeatures,
  decodeMask,
  encodeMask,
  resampleBilinear,
  rleBbox,
  U2SegError,
  type MaskProposal,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { areaOf, fillHoles, resizeNearest } from '../grid-mask.ts';
import { workingImage } from '../working-image.ts';
import { blurred, boundaryStrength, opponentPlanes } from './boundary-map.ts';
import { defaultObjectScore, type ObjectEvidence, type ObjectScorer } from './object-score.ts';
import { regionGraph } from './region-graph.ts';
import { agreementOf, leavesOf, overlaps, type RegionSet } from './region-sets.ts';
import { regionTree, type MergeWeights, type RegionTree } from './region-tree.ts';
import { watershed } from './watershed.ts';

export interface ProposeObjectsOptions {
  /** At most so many proposals. */
  readonly maxObjects?: number;
  /** Regions are found on a copy of at most so many pixels. */
  readonly maxPixels?: number;
  /** Smaller regions are no objects, share of the photo in [0, 1]. */
  readonly minAreaRatio?: number;
  /** Larger ones are not either. */
  readonly maxAreaRatio?: number;
  /** Of two proposals that overlap more than this (IoU) the better stays. */
  readonly maxOverlap?: number;
  /** One hierarchy of regions for each entry. */
  readonly hierarchies?: readonly MergeWeights[];
  readonly scorer?: ObjectScorer;
  /** Masks of the same photo found another way, as by {@link proposeMasks}: regions that agree with one rank higher. */
  readonly cuts?: readonly MaskProposal[];
  /** What is known of contours from elsewhere than colour: edges count by the root of their strength times this. */
  readonly contours?: ContourMap;
}

/** How likely one thing ends and another begins at each pixel of a photo, or of a resized copy. */
export interface ContourMap {
  /** [height, width] probabilities. */
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

export const proposeObjectsDefaults: Required<Omit<ProposeObjectsOptions, 'contours'>> = {
  maxObjects: 100,
  maxPixels: 320 * 240,
  minAreaRatio: 0.002,
  maxAreaRatio: 0.9,
  maxOverlap: 0.5,
  hierarchies: [
    { edge: 1, colour: 0.1, feature: 0.1, size: 0.3 },
    { edge: 0.3, colour: 0.3, feature: 0.3, size: 0.3 },
  ],
  scorer: defaultObjectScore,
  cuts: [],
};

/** A proposal with the evidence its score was made from. */
export interface ObjectProposal extends MaskProposal {
  readonly details: ObjectEvidence;
}

interface Candidate {
  readonly tree: number;
  readonly node: number;
  readonly score: number;
  readonly details: ObjectEvidence;
}

/**
 * Proposes class-agnostic objects at every size, for features too weak for {@link proposeMasks} alone:
 *
 * 1. a watershed's regions are merged into trees, by the edge between them, their colours and their features;
 * 2. every node is a candidate, scored by what speaks for an object and by its agreement with `cuts`;
 * 3. the best that do not repeat each other are returned, their holes filled.
 *
 * Proposals may overlap. The features may come from a resized copy: the grid is stretched over the whole photo.
 *
 * @returns best first
 * @throws U2SegError `shape-mismatch`, `out-of-range`, or `bad-format` for a feature that is not finite
 */
export function proposeObjects(
  image: RgbImage,
  features: PatchFeatures,
  options: ProposeObjectsOptions = {},
): ObjectProposal[] {
  assertImage('proposeObjects', image);
  assertPatchFeatures('proposeObjects', features);
  const settings = { ...proposeObjectsDefaults, ...options };
  const { contours } = options;
  if (contours !== undefined) {
    assertLength('proposeObjects: contours.data', contours.data.length, [contours.height, contours.width]);
  }
  assertInteger('proposeObjects: maxObjects', settings.maxObjects, 0);
  assertInteger('proposeObjects: maxPixels', settings.maxPixels, 1);
  assertInRange('proposeObjects: maxOverlap', settings.maxOverlap, 0, 1);
  const work = workingImage(image, settings.maxPixels);
  const { height, width } = work;
  const cuts = settings.cuts.map(({ mask, score }, k) => {
    if (mask.height !== image.height || mask.width !== image.width) {
      throw new U2SegError(
        'shape-mismatch',
        `proposeObjects: cuts[${k}].mask must be [${image.height}, ${image.width}] as the image, got [${mask.height}, ${mask.width}].`,
      );
    }
    return { mask: resizeNearest(decodeMask(mask).data, mask.height, mask.width, height, width), weight: score };
  });
  const planes = opponentPlanes(work);
  const ofColour = boundaryStrength(planes, height, width);
  const mean = meanOf(ofColour);
  const strength = contours === undefined ? ofColour : weighed(ofColour, mean, contours, height, width);
  const regions = watershed(blurred(strength, height, width, 1), height, width, 4 * mean);
  const graph = regionGraph(regions, planes, strength, mean, features, height, width);
  const trees = settings.hierarchies.map((weights) => regionTree(graph, weights));
  const candidates: Candidate[] = [];
  trees.forEach((tree, t) => {
    const agreement = agreementOf(tree, regions.labels, cuts);
    for (let node = 0; node < tree.nodes - 1; node += 1) {
      const areaRatio = tree.area[node]! / (height * width);
      if (areaRatio < settings.minAreaRatio || areaRatio > settings.maxAreaRatio) continue;
      const details = evidenceOf(tree, node, areaRatio, mean, agreement[node]!);
      const score = Math.min(1, Math.max(0, settings.scorer(details)));
      if (score > 0) candidates.push({ tree: t, node, score, details });
    }
  });
  candidates.sort((a, b) => b.score - a.score || a.tree - b.tree || a.node - b.node);
  const kept: RegionSet[] = [];
  const proposals: ObjectProposal[] = [];
  for (const { tree, node, score, details } of candidates) {
    if (proposals.length >= settings.maxObjects) break;
    const region = leavesOf(trees[tree]!, node);
    if (kept.some((one) => overlaps(region, one, graph.area, settings.maxOverlap))) continue;
    kept.push(region);
    const mask = fillHoles(maskOf(region, regions.labels), height, width);
    const full = resizeNearest(mask, height, width, image.height, image.width);
    const rle = encodeMask({ data: full, height: image.height, width: image.width });
    proposals.push({ mask: rle, bboxXywh: rleBbox(rle), area: areaOf(full), score, details });
  }
  return proposals;
}

function meanOf(map: Float32Array): number {
  let mean = 1e-6;
  for (const value of map) mean += value / map.length;
  return mean;
}

/** Geometric mean of strength and contour probability, scaled to the mean strength there was. */
function weighed(
  strength: Float32Array,
  mean: number,
  { data, height, width }: ContourMap,
  toHeight: number,
  toWidth: number,
): Float32Array {
  const contours = resampleBilinear(data, { height, width }, toHeight, toWidth, { coordinates: 'exact' });
  const joined = strength.map((value, i) => Math.sqrt(value * contours[i]!));
  const scale = mean / meanOf(joined);
  return joined.map((value) => value * scale);
}

function evidenceOf(
  tree: RegionTree,
  node: number,
  areaRatio: number,
  mean: number,
  agreement: number,
): ObjectEvidence {
  const area = tree.area[node]!;
  const contour = tree.contour[node]!;
  const rim = tree.rim[node]!;
  const outline = ((contour + rim) * Math.PI) / 4;
  const [x0, y0, x1, y1] = tree.box.subarray(4 * node, 4 * node + 4) as unknown as [number, number, number, number];
  const end = tree.height[tree.parent[node]!]!;
  return {
    contourStrength: tree.contourStrength[node]! / Math.max(1, contour) / mean,
    weakShare: tree.contourWeak[node]! / Math.max(1, contour),
    contrast: tree.contrast[node]!,
    featureContrast: tree.featureContrast[node]!,
    persistence: end > 0 ? 1 - tree.height[node]! / end : 0,
    borderShare: rim / Math.max(1, contour + rim),
    areaRatio,
    extent: area / ((x1 - x0 + 1) * (y1 - y0 + 1)),
    compactness: Math.min(1, (4 * Math.PI * area) / (outline * outline)),
    agreement,
  };
}

/** [H, W], 1 on the leaves of a region. */
function maskOf({ member }: RegionSet, labels: Int32Array): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < mask.length; i += 1) mask[i] = member[labels[i]!]!;
  return mask;
}
