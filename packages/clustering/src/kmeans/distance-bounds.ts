import type { Metric } from '../engines/engine.ts';
import { squaredNorm } from '../points.ts';
import { Nearness } from './nearness.ts';

/**
 * Turns scores into bounds on distances, for the triangle inequality.
 *
 * A distance is Euclidean for `l2`. For `inner-product` it is minus the inner product over |x|: not a distance, but it too changes by no more
 * than the centroid moves, which is all that is needed. All bounds allow for the rounding of float64.
 */
export class DistanceBounds {
  readonly #nearness: Nearness;
  readonly #norms: Float64Array;
  readonly #dim: number;
  readonly #metric: Metric;
  readonly #rounding: number;
  /** Length of the longest centroid; the scale of rounding for `inner-product`. */
  #longest = 1;

  constructor(points: Float32Array, squaredNorms: Float64Array, dim: number, metric: Metric) {
    this.#nearness = new Nearness(points, dim, metric);
    this.#norms = squaredNorms;
    this.#dim = dim;
    this.#metric = metric;
    this.#rounding = (dim + 16) * 2 ** -51;
  }

  /**
   * Takes the centroids of this iteration.
   *
   * @returns [K] how far each moved (Euclidean, rounded up). NaN where it is NaN now and can win no point; Infinity where
   * it was NaN.
   */
  move(previous: Float32Array, centroids: Float32Array, k: number): Float64Array {
    const dim = this.#dim;
    this.#nearness.setCentroids(centroids);
    const out = new Float64Array(k);
    this.#longest = 1;
    for (let c = 0; c < k; c += 1) {
      const norm = squaredNorm(centroids, c * dim, dim);
      let sum = 0;
      for (let j = c * dim; j < (c + 1) * dim; j += 1) sum += (centroids[j]! - previous[j]!) ** 2;
      const moved = Math.sqrt(sum) * (1 + this.#rounding);
      out[c] = !Number.isFinite(norm) ? NaN : Number.isFinite(moved) ? moved : Infinity;
      if (Number.isFinite(norm)) this.#longest = Math.max(this.#longest, Math.sqrt(norm));
    }
    return out;
  }

  /** No less than the distance of point `row` to a centroid of this score. */
  above(row: number, score: number, error: number): number {
    const norm = this.#norms[row]!;
    if (this.#metric === 'l2') {
      return Math.sqrt(Math.max(0, norm - 2 * (score - error)) + this.#rounding * norm);
    }
    return norm > 0 ? (error - score) / Math.sqrt(norm) + this.#slack() : Infinity;
  }

  /** No more than the distance of point `row` to a centroid of at most this score; -Infinity for a score of NaN. */
  below(row: number, score: number, error: number): number {
    const norm = this.#norms[row]!;
    if (Number.isNaN(score)) return -Infinity;
    if (score === -Infinity) return Infinity;
    if (this.#metric === 'l2') return Math.sqrt(Math.max(0, norm - 2 * (score + error) - this.#rounding * norm));
    return norm > 0 ? -(score + error) / Math.sqrt(norm) - this.#slack() : -Infinity;
  }

  /** Distance of point `row` to a centroid, in float64. */
  exact(row: number, cluster: number): number {
    const near = this.#nearness.of(row, cluster);
    return this.#metric === 'l2' ? Math.sqrt(-near) : -near / Math.sqrt(this.#norms[row]!);
  }

  /** Rounding of a distance, and of its comparison with others: bounds closer than this do not tell them apart. */
  margin(distance: number): number {
    return this.#metric === 'l2' ? this.#rounding * distance : this.#slack();
  }

  #slack(): number {
    return this.#rounding * this.#longest;
  }
}
