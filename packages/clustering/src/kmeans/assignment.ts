import type { ClusteringEngine, LoadedPoints, Metric, NearestTwo } from '../engines/engine.ts';
import { gatherRows, squaredNorm } from '../points.ts';
import { floatRounding, Nearness, underflow } from './nearness.ts';

/** The engine's answer with near ties settled, and how far its scores may be off. */
export interface SettledNearest extends NearestTwo {
  readonly error: Float64Array;
}

/**
 * The assignment step on one set of points: asks the engine, then settles what float32 could not decide.
 *
 * A point whose two candidates are closer than the rounding error of the scores is compared with all centroids again in
 * float64; on an exact tie the lower cluster id wins. Centroids with a NaN are never chosen.
 */
export class AssignmentStep {
  readonly #loaded: LoadedPoints;
  readonly #nearness: Nearness;
  readonly #dim: number;
  readonly #metric: Metric;
  readonly #exact: boolean;
  readonly #norms: Float64Array;
  readonly n: number;

  constructor(
    loaded: LoadedPoints,
    engine: ClusteringEngine,
    points: Float32Array,
    squaredNorms: Float64Array,
    dim: number,
    metric: Metric,
  ) {
    this.#loaded = loaded;
    this.#exact = engine.exact;
    this.#nearness = new Nearness(points, dim, metric);
    this.#norms = squaredNorms;
    this.#dim = dim;
    this.#metric = metric;
    this.n = squaredNorms.length;
  }

  /**
   * @param centroids - [K, D]; rows with a NaN are skipped
   * @param rows - the points asked about, ascending; all without it
   * @returns [rows] ids in [0, K), -1 where every centroid is NaN; scores as the engine computed them
   */
  async nearest(centroids: Float32Array, k: number, rows?: Int32Array): Promise<SettledNearest> {
    const dim = this.#dim;
    const valid = validRows(centroids, k, dim);
    if (valid.length === 0) {
      const count = rows?.length ?? this.n;
      return {
        best: new Int32Array(count).fill(-1),
        bestScore: new Float32Array(count).fill(-Infinity),
        second: new Int32Array(count).fill(-1),
        secondScore: new Float32Array(count).fill(-Infinity),
        error: new Float64Array(count),
      };
    }
    const dense = valid.length === k ? centroids : gatherRows(centroids, valid, dim);
    const answer = await this.#loaded.nearestTwo(dense, valid.length, rows);
    const error = answer.error ?? this.#rounding(answer.best.length, dense, valid.length, rows);
    if (!this.#exact) this.#settleNearTies(answer, error, dense, valid.length, rows);
    if (valid.length < k) {
      for (let i = 0; i < answer.best.length; i += 1) {
        answer.best[i] = valid[answer.best[i]!]!;
        if (answer.second[i]! >= 0) answer.second[i] = valid[answer.second[i]!]!;
      }
    }
    return { ...answer, error };
  }

  dispose(): Promise<void> {
    return this.#loaded.dispose();
  }

  /** [rows] error of scores summed in float32: of the product, and for `l2` of the halved square beside it. */
  #rounding(count: number, centroids: Float32Array, k: number, rows: Int32Array | undefined): Float64Array {
    const dim = this.#dim;
    let largest = 0;
    for (let c = 0; c < k; c += 1) largest = Math.max(largest, squaredNorm(centroids, c * dim, dim));
    const unit = floatRounding(dim);
    const bias = this.#metric === 'l2' ? largest : 0;
    const error = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      error[i] = unit * (Math.sqrt(this.#norms[rows?.[i] ?? i]! * largest) + bias) + underflow(dim);
    }
    return error;
  }

  #settleNearTies(
    answer: NearestTwo,
    error: Float64Array,
    centroids: Float32Array,
    k: number,
    rows: Int32Array | undefined,
  ): void {
    const { best, bestScore, second, secondScore } = answer;
    this.#nearness.setCentroids(centroids);
    for (let i = 0; i < best.length; i += 1) {
      if (second[i]! < 0 || bestScore[i]! - secondScore[i]! > 2 * error[i]!) continue;
      const row = rows?.[i] ?? i;
      // The engine names two candidates, but a third may be as near.
      let [first, next] = [0, -1];
      let [firstNear, nextNear] = [this.#nearness.of(row, 0), -Infinity];
      for (let cluster = 1; cluster < k; cluster += 1) {
        const near = this.#nearness.of(row, cluster);
        if (near > firstNear) [next, nextNear, first, firstNear] = [first, firstNear, cluster, near];
        else if (near > nextNear) [next, nextNear] = [cluster, near];
      }
      const norm = this.#norms[row]!;
      best[i] = first;
      second[i] = next;
      bestScore[i] = this.#metric === 'l2' ? (norm + firstNear) / 2 : firstNear;
      secondScore[i] = this.#metric === 'l2' ? (norm + nextNear) / 2 : nextNear;
    }
  }
}

function validRows(centroids: Float32Array, k: number, dim: number): Int32Array {
  const valid: number[] = [];
  for (let c = 0; c < k; c += 1) {
    if (Number.isFinite(squaredNorm(centroids, c * dim, dim))) valid.push(c);
  }
  return Int32Array.from(valid);
}
