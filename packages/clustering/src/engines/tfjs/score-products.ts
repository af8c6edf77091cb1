import { floatRounding, underflow } from '../../kmeans/nearness.ts';
import { squaredNorm } from '../../points.ts';
import type { TfModule, TfTensor } from './tfjs-module.ts';

/** What the product of this iteration's centroids may be wrong by, beside the rounding of the points. */
export interface CentroidRounding {
  /** Largest length of a centroid as the product sees it. */
  readonly longest: number;
  /** Largest distance between a centroid and what the product sees of it. */
  readonly residual: number;
  /** Largest error of a score beyond that, per unit of a point's length. */
  readonly perLength: number;
  /** The same, whatever the point. */
  readonly constant: number;
}

/** Points as a product holds them, and [rows] how far the held values are from the true ones (Euclidean). */
export interface HeldPoints<Held> {
  readonly held: Held;
  readonly residuals: Float32Array;
}

/**
 * One way to compute `scores = points . centroids^T + bias` on a TensorFlow.js backend, with a bound on its error:
 * for point x and centroid c, as they are before rounding, `residual(x) |c| + |x| residual + |x| perLength + constant`
 * plus `outputRounding |score|`.
 */
export interface ScoreProducts<Held> {
  readonly name: 'float32' | 'bfloat16';
  /** Relative rounding of a finished score. */
  readonly outputRounding: number;
  /** @param points - [rows, D]; the caller disposes it */
  hold(points: TfTensor, rows: number): Promise<HeldPoints<Held>>;
  /** Some rows of held points. */
  gather(held: Held, rows: Int32Array): Held;
  release(held: Held): void;
  /** @param centroids - [K, D]; @param bias - [K] */
  setCentroids(centroids: Float32Array, bias: Float64Array, k: number): CentroidRounding;
  /** [rows, K] float32 */
  scores(held: Held): TfTensor;
  /** Frees the centroids. */
  dispose(): void;
}

/** Scores computed again in float64 to learn how exact the backend's float32 really is (tf32, half floats). */
export const calibrationRows = 32;
/** Times the largest error seen among `calibrationRows * K` scores (about four standard deviations). */
const calibrationSafety = 2;

/** Products as the backend makes them of float32 tensors. */
export class FloatProducts implements ScoreProducts<TfTensor> {
  readonly name = 'float32';
  readonly outputRounding = 0;
  readonly #tf: TfModule;
  readonly #dim: number;
  #centroids: TfTensor | undefined;
  #bias: TfTensor | undefined;
  #unit: number;

  constructor(tf: TfModule, dim: number) {
    this.#tf = tf;
    this.#dim = dim;
    this.#unit = floatRounding(dim);
  }

  hold(points: TfTensor, rows: number): Promise<HeldPoints<TfTensor>> {
    return Promise.resolve({ held: this.#tf.clone(points), residuals: new Float32Array(rows) });
  }

  gather(held: TfTensor, rows: Int32Array): TfTensor {
    const index = this.#tf.tensor1d(rows, 'int32');
    const out = this.#tf.gather(held, index);
    index.dispose();
    return out;
  }

  release(held: TfTensor): void {
    held.dispose();
  }

  setCentroids(centroids: Float32Array, bias: Float64Array, k: number): CentroidRounding {
    this.dispose();
    const rows = this.#tf.tensor2d(centroids, [k, this.#dim]);
    // Turned once, not in every product: a seventh faster on TensorFlow's CPU kernels.
    this.#centroids = this.#tf.transpose(rows);
    rows.dispose();
    this.#bias = this.#tf.tensor1d(Float32Array.from(bias));
    const longest = longestRow(centroids, k, this.#dim);
    const constant = this.#unit * largestOf(bias) + underflow(this.#dim);
    return { longest, residual: 0, perLength: this.#unit * longest, constant };
  }

  scores(held: TfTensor): TfTensor {
    const [b, bias] = [this.#centroids!, this.#bias!];
    return this.#tf.fused.matMul({ a: held, b, transposeA: false, transposeB: false, bias });
  }

  /**
   * Measures the backend's error on the first rows of `points`, and from then on allows for it.
   *
   * @param points - [rows, D] what `held` was made of
   */
  async calibrate(held: TfTensor, points: Float32Array, centroids: Float32Array, bias: Float64Array): Promise<void> {
    const dim = this.#dim;
    const k = bias.length;
    const rows = Math.min(calibrationRows, points.length / dim);
    const part = this.gather(
      held,
      Int32Array.from({ length: rows }, (_, i) => i),
    );
    const all = this.scores(part);
    const scores = (await all.data()) as Float32Array;
    for (const tensor of [part, all]) tensor.dispose();
    const longest = longestRow(centroids, k, dim);
    const biasScale = largestOf(bias);
    for (let i = 0; i < rows; i += 1) {
      const scale = Math.sqrt(squaredNorm(points, i * dim, dim)) * longest + biasScale;
      if (scale === 0) continue;
      for (let c = 0; c < k; c += 1) {
        let sum = bias[c]!;
        for (let j = 0; j < dim; j += 1) sum += points[i * dim + j]! * centroids[c * dim + j]!;
        this.#unit = Math.max(this.#unit, (calibrationSafety * Math.abs(scores[i * k + c]! - sum)) / scale);
      }
    }
  }

  dispose(): void {
    this.#centroids?.dispose();
    this.#bias?.dispose();
    this.#centroids = undefined;
    this.#bias = undefined;
  }
}

/** Largest length of K rows. */
export function longestRow(values: Float32Array, k: number, dim: number): number {
  let largest = 0;
  for (let c = 0; c < k; c += 1) largest = Math.max(largest, squaredNorm(values, c * dim, dim));
  return Math.sqrt(largest);
}

/** Largest magnitude. */
export function largestOf(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}
