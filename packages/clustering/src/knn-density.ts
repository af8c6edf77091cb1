import { assertInteger } from '@u2seg/core';
import { DistanceKernel } from './engines/assign-kernel.ts';
import { checkedSquaredNorms } from './points.ts';

export interface KnnDensityOptions {
  /** D, the width of a point. */
  readonly dim: number;
  readonly n?: number;
  /** Neighbours averaged, the point itself among them; in [1, N]. 20 in U2Seg. */
  readonly neighbors?: number;
}

export const knnDensityDefaults: { readonly neighbors: number } = { neighbors: 20 };

/**
 * Mean squared distance of every point to its nearest neighbours (itself included): low where points crowd. U2Seg
 * takes its reciprocal as a density to choose representatives; it has no part in the cluster labels.
 *
 * [N, D] -> [N]. Brute force: O(N^2 D) time, O(N) memory beside a copy of the points.
 *
 * @throws U2SegError `out-of-range` if `neighbors` is not in [1, N] or a point is not finite
 */
export function knnMeanSquaredDistance(points: Float32Array, options: KnnDensityOptions): Float32Array {
  const { dim, n, neighbors } = { ...knnDensityDefaults, n: Math.floor(points.length / options.dim), ...options };
  checkedSquaredNorms('knnMeanSquaredDistance', points, n, dim);
  assertInteger('knnMeanSquaredDistance: neighbors', neighbors, 1, n);
  const kernel = new DistanceKernel(points, n, dim);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i += 1) {
    const nearest = smallest(kernel.distancesTo(i), neighbors);
    let sum = 0;
    for (const distance of nearest) sum += distance;
    out[i] = sum / neighbors;
  }
  return out;
}

/** The `count` smallest values, unordered: a heap with the largest on top. */
function smallest(values: Float32Array, count: number): Float32Array {
  const heap = values.slice(0, count).sort().reverse();
  for (let i = count; i < values.length; i += 1) {
    const value = values[i]!;
    if (value >= heap[0]!) continue;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && heap[child + 1]! > heap[child]!) child += 1;
      if (heap[child]! <= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
  return heap;
}
