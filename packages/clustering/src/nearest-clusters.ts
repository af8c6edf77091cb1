import { assertLength, U2SegError } from '@u2seg/core';

/** Clusters that were found already and stay as they are: what later points are assigned to. */
export interface FixedClusters {
  /** K */
  readonly k: number;
  /** D, the width of a point and of a centroid. */
  readonly dim: number;
  /** [K, D]; a cluster without points has a row of zeros and is never the nearest. */
  readonly centroids: Float32Array;
  /** [K] points of each. */
  readonly counts: readonly number[];
  /** `cosine` for spherical k-means, `euclidean` for k-means by squared distance. */
  readonly metric: 'cosine' | 'euclidean';
  /** Tells these clusters from others where a hash of all inputs is taken; no part of the assignment. */
  readonly identity?: string;
}

/**
 * Nearest of the clusters that have points, for each embedding; ties go to the lower cluster.
 *
 * Sums in float64, one embedding after the other: for the few instances of a photo. `assignPoints` is the fast way for many.
 *
 * @param embeddings - [N, D]
 * @returns [N] in [0, K), or -1 for a row with a NaN; empty for no embeddings, whatever the clusters are
 * @throws U2SegError `not-found` if no cluster has a point
 * @throws U2SegError `shape-mismatch` if the arrays do not fit each other
 */
export function nearestClusters(
  embeddings: Float32Array,
  { k, dim, centroids, counts, metric }: FixedClusters,
): Int32Array {
  if (embeddings.length === 0) return new Int32Array(0);
  if (counts.every((count) => count === 0)) {
    throw new U2SegError('not-found', 'nearestClusters: no cluster has an instance to be near to.');
  }
  const n = Math.floor(embeddings.length / dim);
  assertLength('nearestClusters: embeddings', embeddings.length, [n, dim]);
  assertLength('nearestClusters: centroids', centroids.length, [k, dim]);
  assertLength('nearestClusters: counts', counts.length, [k]);
  const lengths = Array.from({ length: k }, (_, c) => Math.hypot(...centroids.subarray(c * dim, (c + 1) * dim)) || 1);
  return Int32Array.from({ length: n }, (_, row) => {
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (let c = 0; c < k; c += 1) {
      if (counts[c] === 0) continue;
      let distance = 0;
      for (let j = 0; j < dim; j += 1) {
        const [a, b] = [embeddings[row * dim + j]!, centroids[c * dim + j]!];
        distance += metric === 'cosine' ? -(a * b) / lengths[c]! : (a - b) ** 2;
      }
      if (distance < least) [best, least] = [c, distance];
    }
    return best;
  });
}
