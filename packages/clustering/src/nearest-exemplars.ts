import { assertInteger, assertLength } from '@u2seg/core';

export interface NearestExemplarsOptions {
  /** D, the width of a point. */
  readonly dim: number;
  /** Exemplars per cluster, at least 1; clusters with fewer points give fewer. */
  readonly perCluster?: number;
}

export const nearestExemplarsDefaults: { readonly perCluster: number } = { perCluster: 8 };

/** One point that shows what its cluster is about. */
export interface Exemplar {
  /** Row of the points, in [0, N). */
  readonly row: number;
  /** Squared distance to the centroid. */
  readonly squaredDistance: number;
}

/**
 * The points nearest to the centroid of each cluster, among the cluster's own points.
 *
 * @param points - [N, D]
 * @param centroids - [K, D]
 * @param assignments - [N] in [0, K); a negative id belongs to no cluster
 * @returns K lists, nearest first, ties by the lower row; empty for a cluster without points
 * @throws U2SegError `shape-mismatch` if the arrays do not fit each other
 */
export function nearestExemplars(
  points: Float32Array,
  centroids: Float32Array,
  assignments: ArrayLike<number>,
  options: NearestExemplarsOptions,
): Exemplar[][] {
  const { dim, perCluster } = { ...nearestExemplarsDefaults, ...options };
  assertInteger('nearestExemplars: perCluster', perCluster, 1);
  assertLength('nearestExemplars: points', points.length, [assignments.length, dim]);
  const k = Math.floor(centroids.length / dim);
  assertLength('nearestExemplars: centroids', centroids.length, [k, dim]);
  const lists: Exemplar[][] = Array.from({ length: k }, () => []);
  for (let row = 0; row < assignments.length; row += 1) {
    const cluster = assignments[row]!;
    if (cluster < 0) continue;
    assertInteger('nearestExemplars: assignments', cluster, 0, k - 1);
    let sum = 0;
    for (let j = 0, x = row * dim, c = cluster * dim; j < dim; j += 1, x += 1, c += 1) {
      sum += (points[x]! - centroids[c]!) ** 2;
    }
    const list = lists[cluster]!;
    if (list.length === perCluster && sum >= list.at(-1)!.squaredDistance) continue;
    let at = list.length;
    while (at > 0 && list[at - 1]!.squaredDistance > sum) at -= 1;
    list.splice(at, 0, { row, squaredDistance: sum });
    if (list.length > perCluster) list.pop();
  }
  return lists;
}
