/** How a point chooses its centroid: smallest squared distance, or largest inner product. */
export type Metric = 'l2' | 'inner-product';

/**
 * The nearest and second nearest centroid of N points. Scores grow with nearness: `x . c - |c|^2 / 2` for `l2`
 * (so squared distance = `|x|^2 - 2 * score`), `x . c` for `inner-product`.
 */
export interface NearestTwo {
  /** [N], in [0, K). */
  readonly best: Int32Array;
  /** [N], NaN where an `exact` engine had no need of it. */
  readonly bestScore: Float32Array;
  /** [N], in [0, K), or -1 where none is near enough to matter (K = 1, or an `exact` engine). */
  readonly second: Int32Array;
  /** [N], -Infinity where `second` is -1. */
  readonly secondScore: Float32Array;
}

/** Points an engine holds ready, in whatever memory it computes in. */
export interface LoadedPoints {
  /** @param centroids - [K, D] row-major, finite */
  nearestTwo(centroids: Float32Array, k: number): Promise<NearestTwo>;
  dispose(): Promise<void>;
}

/**
 * Where the assignment step of k-means is computed; the one expensive step, 2 N K D operations.
 *
 * An engine only proposes: `kMeans` settles near ties between its two candidates in float64, lower cluster id first,
 * so the same start gives the same assignment on every engine.
 */
export interface ClusteringEngine {
  readonly name: string;
  /** True when what float32 cannot decide is already decided in float64, the lower id first; `second` may then be -1. */
  readonly exact: boolean;
  /** @param points - [N, D] row-major; the caller keeps it unchanged until `dispose` */
  load(points: Float32Array, n: number, dim: number, metric: Metric): Promise<LoadedPoints>;
}

/** [K] `-|c|^2 / 2` for `l2`, zeros for `inner-product`: what turns inner products into scores. */
export function scoreBias(centroids: Float32Array, k: number, dim: number, metric: Metric): Float32Array {
  const bias = new Float32Array(k);
  if (metric === 'inner-product') return bias;
  for (let c = 0; c < k; c += 1) {
    let sum = 0;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) sum += centroids[j]! * centroids[j]!;
    bias[c] = -sum / 2;
  }
  return bias;
}

/** Room for the answer about `n` points. */
export function emptyNearestTwo(n: number): NearestTwo {
  return {
    best: new Int32Array(n),
    bestScore: new Float32Array(n),
    second: new Int32Array(n).fill(-1),
    secondScore: new Float32Array(n).fill(-Infinity),
  };
}
