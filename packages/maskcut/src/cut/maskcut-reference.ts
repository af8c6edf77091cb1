import { assertInteger, resampleNearest, type PatchFeatures } from '@u2seg/core';
import { areaOf, componentAt, maskIou } from '../grid-mask.ts';
import { affinityBits, paintOut, type AffinityGraph, type AffinityOptions } from './affinity-graph.ts';
import { bipartition, type Bipartition } from './bipartition.ts';
import { secondEigenvector, type SecondEigenvector } from './second-eigenvector.ts';

export interface MaskCutReferenceOptions extends AffinityOptions {
  /** Edge threshold on cosine similarity, in [-1, 1]. */
  readonly tau?: number;
  /** N, the number of cuts; each gives one mask, possibly an empty one. */
  readonly numCuts?: number;
  /** Weight of a pair without an edge. */
  readonly floor?: number;
  /**
   * Sign of the entry of largest |v| for each cut, +1 where absent. LAPACK's is not defined, and the result can depend on
   * it: this replays a run whose signs are known.
   */
  readonly peakSigns?: readonly (1 | -1)[];
  /** Edges computed elsewhere, for these features and this `tau`. */
  readonly graph?: AffinityGraph;
}

/** CutLER's published commands (its argparse default for tau, 0.2, is used by none of them). */
export const maskCutReferenceDefaults: Required<Omit<MaskCutReferenceOptions, 'peakSigns' | 'graph' | 'matmul'>> = {
  tau: 0.15,
  numCuts: 3,
  floor: 1e-5,
};

/** One cut of the reference, with what it decided on the way. */
export interface ReferenceCut extends Bipartition {
  readonly eigen: SecondEigenvector;
  /** [gridH, gridW]: the part of the foreground 4-connected to the seed. */
  readonly component: Uint8Array;
  /** Area of the component over that of the grid. */
  readonly areaRatio: number;
  /** IoU with the mask before, NaN where both are empty or there is none before. */
  readonly iouWithPrevious: number;
  /** Whether the component was thrown away: it overlaps the one before by more than 0.5, or is not above 1 % of the grid. */
  readonly dropped: boolean;
  /** [gridH * patchSize, gridW * patchSize]: the component (nothing, if dropped) minus the earlier masks. */
  readonly mask: Uint8Array;
}

const maxOverlap = 0.5;
const minAreaRatio = 0.01;

/**
 * MaskCut as CutLER's `maskcut_forward` computes it (arXiv:2301.11320), odd cases included:
 *
 * 1. the affinity of the features, those of the earlier masks set to zero (such a patch keeps the weight `floor` to all);
 * 2. the second eigenvector, split at its mean, foreground by corners and peak;
 * 3. the component around the seed; dropped if like the one before or too small;
 * 4. upsampled, minus the earlier masks.
 *
 * After a drop the mask before is empty, nothing more is painted out, and the same cut comes again and is then accepted
 * (and usually subtracted away): drops alternate. For proposals use `maskCut`, which does not.
 *
 * @returns exactly `numCuts` cuts
 * @throws U2SegError `shape-mismatch`, `out-of-range` or `bad-format`
 */
export function maskCutReference(features: PatchFeatures, options: MaskCutReferenceOptions = {}): ReferenceCut[] {
  const { tau, numCuts, floor } = { ...maskCutReferenceDefaults, ...options };
  assertInteger('maskCutReference: numCuts', numCuts, 0);
  const { gridH, gridW, patchSize } = features;
  const size = gridH * gridW;
  const whole = options.graph ?? affinityBits(features, tau, options);
  const painted = new Uint8Array(size);
  const taken = new Uint8Array(size * patchSize * patchSize);
  const cuts: ReferenceCut[] = [];
  let previous: Uint8Array | undefined;
  let eigen: SecondEigenvector | undefined;
  let repeated = false;
  for (let k = 0; k < numCuts; k += 1) {
    if (!repeated || eigen === undefined) {
      const graph = k === 0 ? whole : paintOut(whole, painted);
      eigen = secondEigenvector(graph, { floor });
    }
    const vector = options.peakSigns?.[k] === -1 ? eigen.vector.map((v) => -v) : eigen.vector;
    const split = bipartition(vector, gridH, gridW);
    const component = labelledRegion(split.foreground, gridH, gridW, split.seed);
    const areaRatio = areaOf(component) / gridH / gridW;
    const iouWithPrevious = previous === undefined ? Number.NaN : Math.fround(maskIou(previous, component));
    const dropped = k > 0 && (iouWithPrevious > maxOverlap || areaRatio <= minAreaRatio);
    const kept: Uint8Array = dropped ? new Uint8Array(size) : component;
    const mask = resampleNearest(kept, { height: gridH, width: gridW }, gridH * patchSize, gridW * patchSize);
    for (let i = 0; i < mask.length; i += 1) {
      if (taken[i] !== 0) mask[i] = 0;
      else taken[i] = mask[i]!;
    }
    let changed = false;
    for (let i = 0; i < size; i += 1) {
      if (kept[i] !== 0 && painted[i] === 0) {
        painted[i] = 1;
        changed = true;
      }
    }
    repeated = !changed;
    previous = kept;
    cuts.push({ ...split, eigen: { ...eigen, vector }, component, areaRatio, iouWithPrevious, dropped, mask });
  }
  return cuts;
}

/** The region with the seed's label: its component, or all of the background if the seed lies there. */
function labelledRegion(foreground: Uint8Array, gridH: number, gridW: number, seed: number): Uint8Array {
  if (foreground[seed] === 0) return foreground.map((flag) => 1 - flag);
  return componentAt(foreground, gridH, gridW, seed);
}
