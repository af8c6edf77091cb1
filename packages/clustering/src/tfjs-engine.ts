import { scoreBias, emptyNearestTwo, type ClusteringEngine, type LoadedPoints, type Metric } from './engine.ts';
import { squaredNorm } from './assignment.ts';

/** A tensor, as far as the engine looks. */
export interface TfTensor {
  data(): Promise<Float32Array | Int32Array | Uint8Array>;
  dispose(): void;
}

/** The part of `@tensorflow/tfjs-core` the engine uses; pass the module itself, with its backend set. */
export interface TfModule {
  tensor2d(values: Float32Array, shape: [number, number]): TfTensor;
  tensor1d(values: Float32Array): TfTensor;
  max(x: TfTensor, axis: number, keepDims: boolean): TfTensor;
  transpose(x: TfTensor): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  greaterEqual(a: TfTensor, b: TfTensor): TfTensor;
  readonly fused: {
    matMul(args: { a: TfTensor; b: TfTensor; transposeA: boolean; transposeB: boolean; bias: TfTensor }): TfTensor;
  };
}

export interface TfjsEngineOptions {
  /** Points per matrix product; its scores take 4 * K bytes a point on the device. */
  readonly rowsPerProduct?: number;
}

export const tfjsEngineDefaults: Required<TfjsEngineOptions> = { rowsPerProduct: 8192 };

/** Points whose scores are computed again in float64 to measure how exact the backend's product is. */
const calibrationRows = 32;
/** Times the largest error seen among `calibrationRows * K` scores (about four standard deviations). */
const calibrationSafety = 2;

/**
 * TensorFlow.js on whatever backend is current: native CPU, GPU, wasm.
 *
 * The backend computes all scores and marks those within its own error of the best; the few that remain are decided
 * here in float64. The error is measured on the data when it is first used, so reduced-precision products (bfloat16 on
 * CPUs that have it, tf32 on GPUs) give the same assignment, only faster.
 */
export function tfjsEngine(tf: unknown, options: TfjsEngineOptions = {}): ClusteringEngine {
  const { rowsPerProduct } = { ...tfjsEngineDefaults, ...options };
  return {
    name: 'tfjs',
    exact: true,
    load: (points, n, dim, metric) =>
      Promise.resolve(new TfjsPoints(tf as TfModule, points, n, dim, metric, rowsPerProduct)),
  };
}

interface Block {
  readonly from: number;
  readonly rows: number;
  readonly points: TfTensor;
}

class TfjsPoints implements LoadedPoints {
  readonly #tf: TfModule;
  readonly #points: Float32Array;
  readonly #n: number;
  readonly #dim: number;
  readonly #metric: Metric;
  readonly #blocks: Block[] = [];
  readonly #lengths: Float32Array;
  #relativeError: number | undefined;

  constructor(tf: TfModule, points: Float32Array, n: number, dim: number, metric: Metric, rowsPerProduct: number) {
    this.#tf = tf;
    this.#points = points;
    this.#n = n;
    this.#dim = dim;
    this.#metric = metric;
    this.#lengths = Float32Array.from({ length: n }, (_, i) => Math.sqrt(squaredNorm(points, i * dim, dim)));
    for (let from = 0; from < n; from += rowsPerProduct) {
      const rows = Math.min(rowsPerProduct, n - from);
      const values = points.subarray(from * dim, (from + rows) * dim);
      this.#blocks.push({ from, rows, points: tf.tensor2d(values, [rows, dim]) });
    }
  }

  async nearestTwo(centroids: Float32Array, k: number): ReturnType<LoadedPoints['nearestTwo']> {
    const tf = this.#tf;
    const out = emptyNearestTwo(this.#n);
    const bias = scoreBias(centroids, k, this.#dim, this.#metric);
    const rows = tf.tensor2d(centroids.slice(), [k, this.#dim]);
    // Turned once, not in every product: a seventh faster on TensorFlow's CPU kernels.
    const c = tf.transpose(rows);
    rows.dispose();
    const b = tf.tensor1d(bias);
    try {
      this.#relativeError ??= await this.#measureError(centroids, c, b, bias, k);
      const longest = largestLength(centroids, k, this.#dim);
      const unit = 2 * this.#relativeError * longest;
      for (const block of this.#blocks) {
        const slacks = this.#lengths
          .subarray(block.from, block.from + block.rows)
          .map((length) => unit * (length + this.#biasLength(longest)));
        const marks = await this.#marks(block, c, b, slacks);
        this.#decide(marks, block, centroids, bias, k, out);
      }
    } finally {
      c.dispose();
      b.dispose();
    }
    return out;
  }

  dispose(): Promise<void> {
    for (const { points } of this.#blocks.splice(0)) points.dispose();
    return Promise.resolve();
  }

  /** The bias of `l2`, half the square of a centroid's length, is rounded as well. */
  #biasLength(longest: number): number {
    return this.#metric === 'l2' ? longest : 0;
  }

  #scores(points: TfTensor, c: TfTensor, b: TfTensor): TfTensor {
    return this.#tf.fused.matMul({ a: points, b: c, transposeA: false, transposeB: false, bias: b });
  }

  /** [rows, K] 1 where a score is within `slacks` of its row's best. */
  async #marks(block: Block, c: TfTensor, b: TfTensor, slacks: Float32Array): Promise<Uint8Array> {
    const tf = this.#tf;
    const scores = this.#scores(block.points, c, b);
    const best = tf.max(scores, 1, true);
    const slack = tf.tensor2d(slacks, [block.rows, 1]);
    const limit = tf.sub(best, slack);
    const marks = tf.greaterEqual(scores, limit);
    const values = await marks.data();
    for (const tensor of [scores, best, slack, limit, marks]) tensor.dispose();
    return values instanceof Uint8Array ? values : Uint8Array.from(values);
  }

  #decide(
    marks: Uint8Array,
    { from, rows }: Block,
    centroids: Float32Array,
    bias: Float32Array,
    k: number,
    out: { best: Int32Array; bestScore: Float32Array },
  ): void {
    for (let i = 0; i < rows; i += 1) {
      const first = marks.indexOf(1, i * k);
      let best = first - i * k;
      let bestScore = NaN;
      const end = (i + 1) * k;
      for (let at = marks.indexOf(1, first + 1); at >= 0 && at < end; at = marks.indexOf(1, at + 1)) {
        if (Number.isNaN(bestScore)) bestScore = this.#score(from + i, centroids, bias, best);
        const score = this.#score(from + i, centroids, bias, at - i * k);
        if (score > bestScore) {
          best = at - i * k;
          bestScore = score;
        }
      }
      out.best[from + i] = best;
      out.bestScore[from + i] = bestScore;
    }
  }

  /** float64; for `l2` minus half the squared distance, which knows ties exactly. */
  #score(row: number, centroids: Float32Array, bias: Float32Array, cluster: number): number {
    const dim = this.#dim;
    let sum = 0;
    if (this.#metric === 'l2') {
      for (let j = 0, x = row * dim, c = cluster * dim; j < dim; j += 1, x += 1, c += 1) {
        const difference = this.#points[x]! - centroids[c]!;
        sum -= difference * difference;
      }
      return sum / 2;
    }
    for (let j = 0, x = row * dim, c = cluster * dim; j < dim; j += 1, x += 1, c += 1) {
      sum += this.#points[x]! * centroids[c]!;
    }
    return sum;
  }

  /** Largest error of a score relative to its scale, on a few rows, with room to spare. */
  async #measureError(
    centroids: Float32Array,
    c: TfTensor,
    b: TfTensor,
    bias: Float32Array,
    k: number,
  ): Promise<number> {
    const dim = this.#dim;
    const block = this.#blocks[0]!;
    const all = this.#scores(block.points, c, b);
    const scores = (await all.data()) as Float32Array;
    all.dispose();
    const longest = largestLength(centroids, k, dim);
    let worst = 0;
    for (let i = 0; i < Math.min(calibrationRows, block.rows); i += 1) {
      const scale = (this.#lengths[i]! + this.#biasLength(longest)) * longest;
      if (scale === 0) continue;
      for (let cluster = 0; cluster < k; cluster += 1) {
        let sum = bias[cluster]!;
        for (let j = 0; j < dim; j += 1) sum += this.#points[i * dim + j]! * centroids[cluster * dim + j]!;
        worst = Math.max(worst, Math.abs(scores[i * k + cluster]! - sum) / scale);
      }
    }
    // Never below float32's own rounding, which a lucky sample may miss.
    return calibrationSafety * Math.max(worst, 2.5e-7 * Math.sqrt(dim));
  }
}

function largestLength(centroids: Float32Array, k: number, dim: number): number {
  let largest = 0;
  for (let c = 0; c < k; c += 1) largest = Math.max(largest, squaredNorm(centroids, c * dim, dim));
  return Math.sqrt(largest);
}
