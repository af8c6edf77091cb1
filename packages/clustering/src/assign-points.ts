import { assertInteger, assertLength } from '@u2seg/core';
import type { ClusteringEngine, Metric } from './engines/engine.ts';
import { wasmEngine } from './engines/wasm-engine.ts';
import { AssignmentStep } from './kmeans/assignment.ts';
import { checkedSquaredNorms } from './points.ts';

export interface AssignPointsOptions {
  /** D, the width of a point and of a centroid. */
  readonly dim: number;
  /** K */
  readonly k: number;
  readonly n?: number;
  /** As in `kMeans`; default `l2`. */
  readonly metric?: 'l2' | 'spherical';
  readonly engine?: ClusteringEngine;
}

export interface PointAssignments {
  /** [N] in [0, K), or -1 where every centroid is NaN. */
  readonly assignments: Int32Array;
  /** [N] squared distance to the chosen centroid (`l2`) or inner product with it (`spherical`); NaN without one. */
  readonly scores: Float32Array;
}

/**
 * Assigns points to centroids found earlier, with the tie rule of `kMeans`; for points that were not clustered.
 *
 * @param points - [N, D]
 * @param centroids - [K, D]; NaN rows are never chosen
 * @throws U2SegError `shape-mismatch` or `out-of-range` if the arrays do not fit, or a point is not finite
 */
export async function assignPoints(
  points: Float32Array,
  centroids: Float32Array,
  options: AssignPointsOptions,
): Promise<PointAssignments> {
  const { dim, k, n, metric: name } = { n: Math.floor(points.length / options.dim), metric: 'l2', ...options };
  if (points.length === 0) return { assignments: new Int32Array(0), scores: new Float32Array(0) };
  const norms = checkedSquaredNorms('assignPoints', points, n, dim);
  assertInteger('assignPoints: k', k, 1);
  assertLength('assignPoints: centroids', centroids.length, [k, dim]);
  const metric: Metric = name === 'l2' ? 'l2' : 'inner-product';
  const engine = options.engine ?? wasmEngine();
  const step = new AssignmentStep(await engine.load(points, n, dim, metric, norms), engine, points, norms, dim, metric);
  try {
    const { best } = await step.nearest(centroids, k);
    const scores = new Float32Array(n);
    for (let i = 0; i < n; i += 1) {
      if (best[i]! < 0) {
        scores[i] = NaN;
        continue;
      }
      let sum = 0;
      for (let j = 0, x = i * dim, c = best[i]! * dim; j < dim; j += 1, x += 1, c += 1) {
        sum += metric === 'l2' ? (points[x]! - centroids[c]!) ** 2 : points[x]! * centroids[c]!;
      }
      scores[i] = sum;
    }
    return { assignments: best, scores };
  } finally {
    await step.dispose();
  }
}
