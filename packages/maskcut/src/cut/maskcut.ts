import { assertInRange, assertInteger, assertPatchFeatures, type PatchFeatures } from '@u2seg/core';
import { areaOf, componentAt } from '../grid-mask.ts';
import { affinityBits, edgeCounts, type AffinityGraph, type AffinityOptions } from './affinity-graph.ts';
import { bipartition } from './bipartition.ts';
import { secondEigenvector } from './second-eigenvector.ts';

export interface MaskCutOptions extends AffinityOptions {
  /** Edge threshold on cosine similarity, in [-1, 1]. */
  readonly tau?: number;
  /** Upper bound on masks; fewer come back when the image runs out of objects. */
  readonly maxMasks?: number;
  /** Components that cover no more than this share of the grid are set aside, in [0, 1]. */
  readonly minAreaRatio?: number;
  /** Components that cover more than this share of the grid are set aside, in [0, 1]. */
  readonly maxAreaRatio?: number;
  /**
   * Cutting ends where the eigenvalue exceeds this, in [0, 2]. It bounds the normalized cut from below: near 0 two groups
   * barely touch, at 1 the graph is as good as random and there is nothing left to cut.
   */
  readonly maxEigenvalue?: number;
  /** Weight of a pair without an edge. */
  readonly floor?: number;
  /** Products with the matrix after which an eigenvector is taken as it is. */
  readonly maxIterations?: number;
  /** Edges computed elsewhere, for these features and this `tau`. */
  readonly graph?: AffinityGraph;
}

/** tau, maxMasks, minAreaRatio, floor: CutLER's released recipe (arXiv:2301.11320). The rest is ours, see the README. */
export const maskCutDefaults: Required<Omit<MaskCutOptions, 'graph' | 'matmul'>> = {
  tau: 0.15,
  maxMasks: 3,
  minAreaRatio: 0.01,
  maxAreaRatio: 0.9,
  maxEigenvalue: 0.85,
  floor: 1e-5,
  maxIterations: 300,
};

/** One object on the grid, and what speaks for it. */
export interface GridCut {
  /** [gridH, gridW], 1 on the object. Cuts of one image are disjoint. */
  readonly mask: Uint8Array;
  /** Patch where the eigenvector peaks on the object's side. */
  readonly seed: number;
  /** Area of the mask over that of the grid, in [0, 1]. */
  readonly areaRatio: number;
  /** Second generalized eigenvalue of the graph that was cut, in [0, 2]. */
  readonly eigenvalue: number;
  /** Third one (an estimate), at least `eigenvalue`: the wider the gap, the clearer the cut. */
  readonly nextEigenvalue: number;
  /** Normalized cut of the mask against the rest of the graph that was cut, in [0, 2]. */
  readonly ncut: number;
  /** Share of connected pairs inside of the mask, in [0, 1]. */
  readonly insideAffinity: number;
  /** Share of connected pairs between the mask and all other patches, in [0, 1]. */
  readonly acrossAffinity: number;
  /** Share of the grid's border patches that the mask covers, in [0, 1]. */
  readonly borderRatio: number;
  /** Whether the eigenvector had converged; if not, the cut is that of its best approximation. */
  readonly converged: boolean;
  /** Products with the matrix that the eigenvector took. */
  readonly iterations: number;
}

/** Why cutting ended. */
export type MaskCutStop =
  /** `maxMasks` masks were found. */
  | 'max-masks'
  /** The next cut's eigenvalue is above `maxEigenvalue`. */
  | 'nothing-to-cut'
  /** Too few patches are left to hold an object. */
  | 'no-patches-left'
  /** Several components in a row were too small or too large. */
  | 'no-object-found';

export interface MaskCutResult {
  /** In the order found; empty when nothing survives the filters. */
  readonly cuts: readonly GridCut[];
  readonly stoppedBy: MaskCutStop;
  /** Eigenvalue of the last graph looked at, NaN if there was none. */
  readonly lastEigenvalue: number;
}

/** So many components set aside in a row, and the image has no more objects. */
const maxRejectedInRow = 3;

/**
 * Finds up to `maxMasks` salient objects by iterated normalized cut.
 *
 * 1. build the thresholded affinity graph, once;
 * 2. split the patches still free by the second generalized eigenvector at its mean;
 * 3. foreground is the side with the peak of |v|, unless it covers three corners of the grid;
 * 4. the component around the peak is a mask if its size is plausible; its patches leave the graph either way; repeat.
 *
 * Differs from the reference (`maskCutReference`) where that is undefined or wrong: the sign of the eigenvector is fixed;
 * patches taken leave the graph instead of staying in it without features; a rejected component leaves it too, so that no
 * cut is repeated; and it stops by itself.
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range`, or `bad-format` for a feature that is not finite
 */
export function maskCut(features: PatchFeatures, options: MaskCutOptions = {}): MaskCutResult {
  const settings = { ...maskCutDefaults, ...options };
  assertPatchFeatures('maskCut', features);
  assertInteger('maskCut: maxMasks', settings.maxMasks, 0);
  assertInRange('maskCut: minAreaRatio', settings.minAreaRatio, 0, 1);
  assertInRange('maskCut: maxAreaRatio', settings.maxAreaRatio, 0, 1);
  assertInRange('maskCut: maxEigenvalue', settings.maxEigenvalue, 0, 2);
  const { gridH, gridW } = features;
  const size = gridH * gridW;
  const graph = settings.graph ?? affinityBits(features, settings.tau, options);
  const everyone = new Uint8Array(size).fill(1);
  const counts = edgeCounts(graph, everyone);
  const free = everyone.slice();
  const cuts: GridCut[] = [];
  let lastEigenvalue = Number.NaN;
  let rejected = 0;
  let start: Float64Array | undefined;
  const stop = (stoppedBy: MaskCutStop): MaskCutResult => ({ cuts, stoppedBy, lastEigenvalue });
  while (cuts.length < settings.maxMasks) {
    const left = areaOf(free);
    if (left < 2 || left <= settings.minAreaRatio * size) return stop('no-patches-left');
    const eigen = secondEigenvector(
      graph,
      {
        floor: settings.floor,
        maxIterations: settings.maxIterations,
        // Looser than the reference's: far below what moves a patch across the mean of a clear cut.
        tolerance: 1e-7,
        ...(start === undefined ? {} : { start }),
      },
      free,
    );
    lastEigenvalue = eigen.value;
    if (eigen.value > settings.maxEigenvalue) return stop('nothing-to-cut');
    const split = bipartition(eigen.vector, gridH, gridW, free);
    const mask = componentAt(split.foreground, gridH, gridW, split.seed);
    const areaRatio = areaOf(mask) / size;
    if (areaRatio > settings.minAreaRatio && areaRatio <= settings.maxAreaRatio) {
      rejected = 0;
      cuts.push({
        mask,
        seed: split.seed,
        areaRatio,
        eigenvalue: eigen.value,
        nextEigenvalue: eigen.nextValue,
        ...affinities(graph, counts, mask, free, eigen.degrees, settings.floor),
        borderRatio: borderRatio(mask, gridH, gridW),
        converged: eigen.converged,
        iterations: eigen.iterations,
      });
    } else {
      rejected += 1;
      if (rejected === maxRejectedInRow) return stop('no-object-found');
    }
    for (let i = 0; i < size; i += 1) if (mask[i] !== 0) free[i] = 0;
    start = eigen.vector;
  }
  return stop('max-masks');
}

function affinities(
  graph: AffinityGraph,
  counts: Int32Array,
  mask: Uint8Array,
  free: Uint8Array,
  degrees: Float64Array,
  floor: number,
): { ncut: number; insideAffinity: number; acrossAffinity: number } {
  const toMask = edgeCounts(graph, mask);
  let area = 0;
  let others = 0;
  let inside = 0;
  let leaving = 0;
  let leavingFree = 0;
  let ours = 0;
  let theirs = 0;
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i] !== 0) {
      area += 1;
      inside += toMask[i]!;
      leaving += counts[i]! - toMask[i]!;
      ours += degrees[i]!;
    } else if (free[i] !== 0) {
      others += 1;
      leavingFree += toMask[i]!;
      theirs += degrees[i]!;
    }
  }
  const cut = leavingFree + floor * (area * others - leavingFree);
  const outside = mask.length - area;
  return {
    ncut: others === 0 ? 0 : cut / ours + cut / theirs,
    insideAffinity: area === 0 ? 0 : inside / (area * area),
    acrossAffinity: outside === 0 || area === 0 ? 0 : leaving / (area * outside),
  };
}

function borderRatio(mask: Uint8Array, gridH: number, gridW: number): number {
  let covered = 0;
  let border = 0;
  for (let y = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      if (y > 0 && y < gridH - 1 && x > 0 && x < gridW - 1) continue;
      border += 1;
      covered += mask[y * gridW + x]!;
    }
  }
  return covered / border;
}
