import { U2SegError } from '@u2seg/core';

export interface FixedClusters {
  readonly k: number;
  readonly dim: number;
  /** [k, dim]; a cluster without instances has a row of zeros and is never the nearest. */
  readonly centroids: Float32Array;
  /** [k] instances of each. */
  readonly counts: readonly number[];
  /** `cosine` for the default k-means, which is spherical; `euclidean` for U2Seg's. */
  readonly metric: 'cosine' | 'euclidean';
  /** What they are, for hashes. */
  readonly identity: string;
}

/**
 * Nearest cluster of each descriptor; ties to the lower cluster.
 *
 * @param embeddings - [n, dim]
 * @returns [n] in [0, k)
 * @throws U2SegError `not-found` if no cluster has an instance
 */
export function nearestClusters(
  embeddings: Float32Array,
  { k, dim, centroids, counts, metric }: Pick<FixedClusters, 'k' | 'dim' | 'centroids' | 'counts' | 'metric'>,
): Int32Array {
  if (embeddings.length === 0) return new Int32Array(0);
  if (counts.every((count) => count === 0))
    throw new U2SegError('not-found', 'nearestClusters: no cluster has an instance to be near to.');
  const lengths = Array.from({ length: k }, (_, c) => Math.hypot(...centroids.subarray(c * dim, (c + 1) * dim)) || 1);
  return Int32Array.from({ length: embeddings.length / dim }, (_, row) => {
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
