import {
  assertImage,
  assertInRange,
  assertInteger,
  assertPatchFeatures,
  encodeMask,
  rleBbox,
  type MaskProposal,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { areaOf, fillHoles, resizeNearest } from '../grid-mask.ts';
import { workingImage } from '../working-image.ts';
import { blurred, boundaryStrength, opponentPlanes } from './boundary-map.ts';
import { defaultObjectScore, type ObjectEvidence, type ObjectScorer } from './object-score.ts';
import { regionGraph } from './region-graph.ts';
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
}

export const proposeObjectsDefaults: Required<ProposeObjectsOptions> = {
  maxObjects: 100,
  maxPixels: 320 * 240,
  minAreaRatio: 0.001,
  maxAreaRatio: 0.9,
  maxOverlap: 0.7,
  hierarchies: [{ edge: 1, colour: 0.1, feature: 0.1, size: 0.3 }],
  scorer: defaultObjectScore,
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
 * Proposes class-agnostic objects at every size, for features too weak for {@link proposeMasks}: regions of a watershed are
 * merged into a tree by the edge between them, their colours and their features; every node is a candidate, scored by what
 * speaks for an object, and the best that do not repeat each other are returned.
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
  assertInteger('proposeObjects: maxObjects', settings.maxObjects, 0);
  assertInteger('proposeObjects: maxPixels', settings.maxPixels, 1);
  assertInRange('proposeObjects: maxOverlap', settings.maxOverlap, 0, 1);
  const work = workingImage(image, settings.maxPixels);
  const { height, width } = work;
  const planes = opponentPlanes(work);
  const strength = boundaryStrength(planes, height, width);
  let mean = 1e-6;
  for (const value of strength) mean += value / strength.length;
  const regions = watershed(blurred(strength, height, width, 1), height, width, 4 * mean);
  const graph = regionGraph(regions, planes, strength, features, height, width);
  const trees = settings.hierarchies.map((weights) => regionTree(graph, weights));
  const candidates: Candidate[] = [];
  trees.forEach((tree, t) => {
    for (let node = 0; node < tree.nodes - 1; node += 1) {
      const details = evidenceOf(tree, node, height * width, mean);
      if (details.areaRatio < settings.minAreaRatio || details.areaRatio > settings.maxAreaRatio) continue;
      const score = Math.min(1, Math.max(0, settings.scorer(details)));
      if (score > 0) candidates.push({ tree: t, node, score, details });
    }
  });
  candidates.sort((a, b) => b.score - a.score || a.tree - b.tree || a.node - b.node);
  const kept: { mask: Uint8Array; area: number }[] = [];
  const proposals: ObjectProposal[] = [];
  for (const { tree, node, score, details } of candidates) {
    if (proposals.length >= settings.maxObjects) break;
    const mask = fillHoles(maskOf(trees[tree]!, node, regions.labels), height, width);
    const area = areaOf(mask);
    if (kept.some((other) => overlap(mask, area, other.mask, other.area) > settings.maxOverlap)) continue;
    kept.push({ mask, area });
    const full = resizeNearest(mask, height, width, image.height, image.width);
    const rle = encodeMask({ data: full, height: image.height, width: image.width });
    proposals.push({ mask: rle, bboxXywh: rleBbox(rle), area: areaOf(full), score, details });
  }
  return proposals;
}

function evidenceOf(tree: RegionTree, node: number, pixels: number, mean: number): ObjectEvidence {
  const area = tree.area[node]!;
  const contour = tree.contour[node]!;
  const rim = tree.rim[node]!;
  const outline = ((contour + rim) * Math.PI) / 4;
  const [x0, y0, x1, y1] = tree.box.subarray(4 * node, 4 * node + 4) as unknown as [number, number, number, number];
  const end = tree.height[tree.parent[node]!]!;
  return {
    contourStrength: tree.contourStrength[node]! / Math.max(1, contour) / mean,
    contrast: tree.contrast[node]!,
    featureContrast: tree.featureContrast[node]!,
    persistence: end > 0 ? 1 - tree.height[node]! / end : 0,
    borderShare: rim / Math.max(1, contour + rim),
    areaRatio: area / pixels,
    extent: area / ((x1 - x0 + 1) * (y1 - y0 + 1)),
    compactness: Math.min(1, (4 * Math.PI * area) / (outline * outline)),
  };
}

/** [H, W], 1 on the leaves below a node. */
function maskOf(tree: RegionTree, node: number, labels: Int32Array): Uint8Array {
  const member = new Uint8Array(tree.leaves);
  const stack = [node];
  while (stack.length > 0) {
    const at = stack.pop()!;
    if (at < tree.leaves) member[at] = 1;
    else stack.push(tree.children[2 * at]!, tree.children[2 * at + 1]!);
  }
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < mask.length; i += 1) mask[i] = member[labels[i]!]!;
  return mask;
}

function overlap(a: Uint8Array, areaA: number, b: Uint8Array, areaB: number): number {
  if (Math.min(areaA, areaB) === 0) return 0;
  let both = 0;
  for (let i = 0; i < a.length; i += 1) both += a[i]! & b[i]!;
  return both / (areaA + areaB - both);
}
