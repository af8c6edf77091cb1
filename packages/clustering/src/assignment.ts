import type { ClusteringEngine, LoadedPoints, Metric, NearestTwo } from './engine.ts';

/** Rounding of a float32 inner product of length D, relative to |x| |c|: this many units times sqrt(D). */
const roundingUnits = 5e-7;

/**
 * The assignment step on one set of points: asks the engine, then settles what float32 could not decide.
 *
 * A point whose two candidates are closer than the rounding error of the scores is decided again in float64; on an
 * exact tie the lower cluster id wins. Centroids with a NaN are never chosen.
 */
export class AssignmentStep {
  readonly #loaded: LoadedPoints;
  readonly #points: Float32Array;
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
    this.#points = points;
    this.#norms = squaredNorms;
    this.#dim = dim;
    this.#metric = metric;
    this.n = squaredNorms.length;
  }

  /**
   * @param centroids - [K, D]; rows with a NaN are skipped
   * @returns ids in [0, K), -1 where every centroid is NaN; scores as the engine computed them
   */
  async nearest(centroids: Float32Array, k: number): Promise<NearestTwo> {
    const dim = this.#dim;
    const valid = validRows(centroids, k, dim);
    if (valid.length === 0) {
      const { n } = this;
      return {
        best: new Int32Array(n).fill(-1),
        bestScore: new Float32Array(n).fill(-Infinity),
        second: new Int32Array(n).fill(-1),
        secondScore: new Float32Array(n).fill(-Infinity),
      };
    }
    const dense = valid.length === k ? centroids : gatherRows(centroids, valid, dim);
    const answer = await this.#loaded.nearestTwo(dense, valid.length);
    if (!this.#exact) this.#settleNearTies(answer, dense, valid.length);
    if (valid.length < k) {
      for (let i = 0; i < answer.best.length; i += 1) {
        answer.best[i] = valid[answer.best[i]!]!;
        if (answer.second[i]! >= 0) answer.second[i] = valid[answer.second[i]!]!;
      }
    }
    return answer;
  }

  dispose(): Promise<void> {
    return this.#loaded.dispose();
  }

  #settleNearTies(answer: NearestTwo, centroids: Float32Array, k: number): void {
    const dim = this.#dim;
    let largest = 0;
    for (let c = 0; c < k; c += 1) largest = Math.max(largest, squaredNorm(centroids, c * dim, dim));
    const unit = roundingUnits * Math.sqrt(dim);
    const { best, bestScore, second, secondScore } = answer;
    for (let i = 0; i < best.length; i += 1) {
      if (second[i]! < 0) continue;
      const slack = unit * (Math.sqrt(this.#norms[i]! * largest) + (this.#metric === 'l2' ? largest : 0));
      if (bestScore[i]! - secondScore[i]! > slack) continue;
      const low = Math.min(best[i]!, second[i]!);
      const high = Math.max(best[i]!, second[i]!);
      const highIsNearer = this.#nearness(i, centroids, high) > this.#nearness(i, centroids, low);
      best[i] = highIsNearer ? high : low;
      second[i] = highIsNearer ? low : high;
    }
  }

  #nearness(row: number, centroids: Float32Array, cluster: number): number {
    const dim = this.#dim;
    const points = this.#points;
    let sum = 0;
    for (let j = 0, x = row * dim, c = cluster * dim; j < dim; j += 1, x += 1, c += 1) {
      if (this.#metric === 'l2') sum -= (points[x]! - centroids[c]!) ** 2;
      else sum += points[x]! * centroids[c]!;
    }
    return sum;
  }
}

function validRows(centroids: Float32Array, k: number, dim: number): Int32Array {
  const valid: number[] = [];
  for (let c = 0; c < k; c += 1) {
    if (Number.isFinite(squaredNorm(centroids, c * dim, dim))) valid.push(c);
  }
  return Int32Array.from(valid);
}

/** Rows `rows` of [*, D] values, in that order. */
export function gatherRows(values: Float32Array, rows: Int32Array, dim: number): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i += 1) {
    out.set(values.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  }
  return out;
}

/** Sum of squares of `dim` values from `from`. */
export function squaredNorm(values: Float32Array, from: number, dim: number): number {
  let sum = 0;
  for (let j = from; j < from + dim; j += 1) sum += values[j]! * values[j]!;
  return sum;
}
