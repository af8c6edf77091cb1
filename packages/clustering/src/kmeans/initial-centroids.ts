import { assertLength, permutation, sampleWithoutReplacement, U2SegError, type Rng } from '@u2seg/core';
import { DistanceKernel } from '../engines/assign-kernel.ts';
import { gatherRows } from '../points.ts';
import { drawByWeight } from './empty-clusters.ts';
import { torchRandomPermutation } from './mersenne-twister.ts';

/**
 * Where k-means starts.
 *
 * - `k-means++`: points drawn with probability proportional to their squared distance from those chosen so far
 *   (Arthur and Vassilvitskii, SODA 2007), from a random sample of at most 32 points a cluster.
 * - `random-points`: K distinct points.
 * - `torch-randperm`: `torch.manual_seed(seed); torch.randperm(N)[:K]`, as U2Seg starts.
 * - given centroids [K, D], or given rows of the points.
 */
export type KMeansStart =
  | 'k-means++'
  | 'random-points'
  | 'torch-randperm'
  | { readonly centroids: Float32Array }
  | { readonly rows: ArrayLike<number> };

/** Points per cluster that k-means++ looks at; its cost, N K D, is otherwise that of a whole iteration on one thread. */
const seedingPointsPerCluster = 32;

/** [K, D] starting centroids; a fresh array. */
export function initialCentroids(
  start: KMeansStart,
  points: Float32Array,
  n: number,
  dim: number,
  k: number,
  seed: number,
  rng: Rng,
): Float32Array {
  if (start === 'k-means++') return kMeansPlusPlus(points, n, dim, k, rng);
  if (start === 'random-points') {
    return gatherRows(points, Int32Array.from(sampleWithoutReplacement(n, k, rng)), dim);
  }
  if (start === 'torch-randperm') return gatherRows(points, torchRandomPermutation(n, seed).subarray(0, k), dim);
  if ('rows' in start) {
    const rows = Int32Array.from(start.rows);
    assertLength('kMeans: start.rows', rows.length, [k]);
    for (const row of rows) {
      if (!(row >= 0 && row < n)) {
        throw new U2SegError('out-of-range', `kMeans: start.rows must be in [0, ${n - 1}], got ${row}.`);
      }
    }
    return gatherRows(points, rows, dim);
  }
  assertLength('kMeans: start.centroids', start.centroids.length, [k, dim]);
  for (const value of start.centroids) {
    if (!Number.isFinite(value)) {
      throw new U2SegError('out-of-range', `kMeans: start.centroids must be finite, got ${value}.`);
    }
  }
  return start.centroids.slice();
}

function kMeansPlusPlus(points: Float32Array, n: number, dim: number, k: number, rng: Rng): Float32Array {
  const sampleSize = Math.min(n, k * seedingPointsPerCluster);
  const sampled = sampleSize === n ? undefined : Int32Array.from(sampleWithoutReplacement(n, sampleSize, rng));
  const sample = sampled === undefined ? points : gatherRows(points, sampled, dim);
  const kernel = new DistanceKernel(sample, sampleSize, dim);
  const chosen = new Int32Array(k);
  chosen[0] = Math.floor(rng() * sampleSize);
  let distances = kernel.addCenter(chosen[0]);
  for (let c = 1; c < k; c += 1) {
    const drawn = drawByWeight(distances, rng);
    if (drawn < 0) {
      // Fewer distinct points than clusters: the rest are copies, which the empty-cluster policy deals with.
      chosen.set(unchosen(chosen.subarray(0, c), sampleSize, k - c, rng), c);
      break;
    }
    chosen[c] = drawn;
    distances = kernel.addCenter(drawn);
  }
  return gatherRows(sample, chosen, dim);
}

function unchosen(chosen: Int32Array, n: number, count: number, rng: Rng): Int32Array {
  const taken = new Set(chosen);
  return Int32Array.from(permutation(n, rng).filter((row) => !taken.has(row))).subarray(0, count);
}
