/** How a point chooses its centroid: smallest squared distance, or largest inner product. */
export type Metric = 'l2' | 'inner-product';

/**
 * The nearest and second nearest centroid of some points. Scores grow with nearness: `x . c - |c|^2 / 2` for `l2`
 * (so squared distance = `|x|^2 - 2 * score`), `x . c` for `inner-product`.
 */
export interface NearestTwo {
  /** [rows], in [0, K). */
  readonly best: Int32Array;
  /** [rows] */
  readonly bestScore: Float32Array | Float64Array;
  /** [rows], in [0, K), or -1 where there is none (K = 1) or an `exact` engine did not look which it is. */
  readonly second: Int32Array;
  /** [rows] no centroid but the best has more; -Infinity where K = 1, NaN where an `exact` engine does not know. */
  readonly secondScore: Float32Array | Float64Array;
  /** [rows] bound on the error of both scores; absent where they are sums in float32. */
  readonly error?: Float64Array;
}

/** Points an engine holds ready, in whatever memory it computes in. */
export interface LoadedPoints {
  /**
   * @param centroids - [K, D] row-major, finite
   * @param rows - the points asked about, ascending; all N without it
   */
  nearestTwo(centroids: Float32Array, k: number, rows?: Int32Array): Promise<NearestTwo>;
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
  /** True when what float32 cannot decide is already decided in float64, the lower id first. */
  readonly exact: boolean;
  /**
   * @param points - [N, D] row-major; the caller keeps it unchanged until `dispose`
   * @param squaredNorms - [N] `|x|^2`
   */
  load(points: Float32Array, n: number, dim: number, metric: Metric, squaredNorms: Float64Array): Promise<LoadedPoints>;
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

/** {@link NearestTwo} in the float32 most engines compute in. */
export interface FloatNearestTwo extends NearestTwo {
  readonly bestScore: Float32Array;
  readonly secondScore: Float32Array;
}

/** Room for the answer about `n` points. */
export function emptyNearestTwo(n: number): FloatNearestTwo {
  return {
    best: new Int32Array(n),
    bestScore: new Float32Array(n),
    second: new Int32Array(n).fill(-1),
    secondScore: new Float32Array(n).fill(-Infinity),
  };
}
