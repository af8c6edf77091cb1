import { Nearness } from '../../kmeans/nearness.ts';
import type { LoadedPoints, NearestTwo } from '../engine.ts';
import { chooseProducts, trialRows } from './choose-products.ts';
import { calibrationRows, FloatProducts, type CentroidRounding, type ScoreProducts } from './score-products.ts';
import { errorOf, loadBlock, meanOf, type Block, type PointSet } from './tfjs-block.ts';
import { take, type TfModule, type TfTensor } from './tfjs-module.ts';

export interface TfjsEngineOptions {
  /** Points per matrix product; its scores take 4 * K bytes a point on the device. */
  readonly rowsPerProduct?: number;
  /**
   * Numbers the products are made of. `auto` tries bfloat16 where the backend is TensorFlow itself, and keeps what was
   * faster. The assignment is the same with either: what short numbers leave open is settled in float64.
   */
  readonly precision?: 'auto' | 'float32' | 'bfloat16';
}

/** Share of a block beyond which all of it is computed: picking rows costs a copy. */
const wholeBlockRatio = 0.7;
/** Below every score; the other end of float32 from what a mark stands for. */
const lowestScore = -3e38;
/** Twice, because two scores are compared; a little more, because the error of an error is left out. */
const safety = 2.04;

interface Centroids {
  readonly values: Float32Array;
  readonly centred: Float32Array;
  readonly bias: Float64Array;
  readonly k: number;
  readonly rounding: CentroidRounding;
}

interface Decision {
  readonly best: number;
  readonly score: number;
  readonly second: number;
}

/** Points on the device, in blocks; see `tfjsEngine`. */
export class TfjsPoints implements LoadedPoints {
  readonly #tf: TfModule;
  readonly #set: PointSet;
  readonly #settings: Required<TfjsEngineOptions>;
  readonly #onChosen: (precision: 'float32' | 'bfloat16') => void;
  readonly #centre: Float32Array;
  readonly #nearness: Nearness;
  #products: ScoreProducts<unknown> | undefined;
  #blocks: readonly Block[] = [];
  /** [rows, K] of the lowest number, by the number of rows. */
  readonly #floors = new Map<number, TfTensor>();

  /** @param onChosen - told which products `auto` found the faster */
  constructor(
    tf: TfModule,
    set: PointSet,
    settings: Required<TfjsEngineOptions>,
    onChosen: (precision: 'float32' | 'bfloat16') => void,
  ) {
    this.#tf = tf;
    this.#set = set;
    this.#settings = settings;
    this.#onChosen = onChosen;
    this.#nearness = new Nearness(set.points, set.dim, set.metric);
    this.#centre = meanOf(set.points, set.n, set.dim);
  }

  async nearestTwo(centroids: Float32Array, k: number, rows?: Int32Array): Promise<NearestTwo> {
    const fixed = this.#centred(centroids, k);
    this.#products ??= await this.#open(fixed);
    const products = this.#products;
    this.#nearness.setCentroids(centroids);
    const set: Centroids = { ...fixed, rounding: products.setCentroids(fixed.centred, fixed.bias, k) };
    const count = rows?.length ?? this.#set.n;
    const out = {
      best: new Int32Array(count),
      bestScore: new Float64Array(count),
      second: new Int32Array(count).fill(-1),
      secondScore: new Float64Array(count).fill(-Infinity),
      error: new Float64Array(count),
    };
    try {
      let at = 0;
      for (const block of this.#blocks) {
        const end = rows === undefined ? at + block.rows : lowerBound(rows, block.from + block.rows, at);
        if (end > at) await this.#answer(block, rows?.subarray(at, end), set, out, at);
        at = end;
      }
    } finally {
      products.dispose();
      for (const floor of this.#floors.values()) floor.dispose();
      this.#floors.clear();
    }
    return out;
  }

  dispose(): Promise<void> {
    for (const { held } of this.#blocks) this.#products?.release(held);
    this.#blocks = [];
    return Promise.resolve();
  }

  /**
   * Centroids moved to the centre, and the bias that keeps the order of the scores: with m the centre, x . c + b is
   * (x - m) . (c - m) + m . c + b and something that is the same for all c; for `l2` the last two are -|c - m|^2 / 2.
   */
  #centred(values: Float32Array, k: number): Omit<Centroids, 'rounding'> {
    const { dim, metric } = this.#set;
    const centre = this.#centre;
    const centred = new Float32Array(k * dim);
    const bias = new Float64Array(k);
    for (let c = 0; c < k; c += 1) {
      let sum = 0;
      for (let j = 0, at = c * dim; j < dim; j += 1, at += 1) {
        const moved = values[at]! - centre[j]!;
        centred[at] = moved;
        sum += metric === 'l2' ? (-moved * moved) / 2 : centre[j]! * values[at]!;
      }
      bias[c] = sum;
    }
    return { values, centred, bias, k };
  }

  /** Chooses the products and brings the points to the device. */
  async #open({ centred, bias, k }: Omit<Centroids, 'rounding'>): Promise<ScoreProducts<unknown>> {
    const [tf, set, centre] = [this.#tf, this.#set, this.#centre];
    const { rowsPerProduct, precision } = this.#settings;
    const products = await chooseProducts(tf, set, centre, precision, centred, bias);
    if (precision === 'auto' && set.n >= trialRows) this.#onChosen(products.name);
    const blocks: Block[] = [];
    for (let from = 0; from < set.n; from += rowsPerProduct) {
      blocks.push(await loadBlock(tf, set, centre, products, from, Math.min(rowsPerProduct, set.n - from)));
    }
    this.#blocks = blocks;
    if (products instanceof FloatProducts) {
      products.setCentroids(centred, bias, k);
      const first = set.points.slice(0, Math.min(blocks[0]!.rows, calibrationRows) * set.dim);
      for (let i = 0; i < first.length; i += 1) first[i]! -= centre[i % set.dim]!;
      await products.calibrate(blocks[0]!.held as TfTensor, first, centred, bias);
      products.dispose();
    }
    return products;
  }

  async #answer(
    block: Block,
    rows: Int32Array | undefined,
    set: Centroids,
    out: Required<NearestTwo>,
    at: number,
  ): Promise<void> {
    const products = this.#products!;
    const tf = this.#tf;
    const count = rows?.length ?? block.rows;
    const whole = rows === undefined || count > wholeBlockRatio * block.rows;
    const inBlock = rows?.map((row) => row - block.from);
    const held = whole ? block.held : products.gather(block.held, inBlock!);
    const size = whole ? block.rows : count;
    const slacks = new Float32Array(size);
    for (let i = 0; i < size; i += 1) slacks[i] = safety * errorOf(block, whole ? i : inBlock![i]!, set.rounding);
    const floor = this.#floor(size, set.k);
    const { best, second, marks } = tf.tidy(() => {
      const scores = products.scores(held);
      const largest = tf.max(scores, 1, true);
      const rounding = tf.mul(tf.abs(largest), safety * products.outputRounding);
      const limit = tf.sub(tf.sub(largest, tf.tensor2d(slacks, [size, 1])), rounding);
      const near = tf.greaterEqual(scores, limit);
      const others = tf.max(tf.where(near, floor, scores), 1, false);
      return { best: largest, second: others, marks: near };
    });
    if (!whole) products.release(held);
    const [largest, others, near] = [await take(best), await take(second), await take(marks)];
    const bytes = near instanceof Uint8Array ? near : Uint8Array.from(near);
    for (let i = 0; i < count; i += 1) {
      const place = inBlock === undefined ? i : inBlock[i]!;
      const computed = whole ? place : i;
      const shift = block.shifts[place]!;
      const [top, next] = [largest[computed]!, others[computed]! > lowestScore ? others[computed]! : -Infinity];
      const decided = this.#decide(bytes, computed * set.k, set.k, block.from + place);
      const rounding = products.outputRounding * Math.max(Math.abs(top), next === -Infinity ? 0 : Math.abs(next));
      const o = at + i;
      out.best[o] = decided.best;
      out.bestScore[o] = Number.isNaN(decided.score) ? top + shift : decided.score;
      out.secondScore[o] = Math.max(decided.second, next + shift);
      out.error[o] = (safety / 2) * (errorOf(block, place, set.rounding) + rounding) + block.shiftErrors[place]!;
    }
  }

  /** Settles one row of marks; the scores are NaN and -Infinity where a single centroid is marked. */
  #decide(marks: Uint8Array, from: number, k: number, row: number): Decision {
    const first = marks.indexOf(1, from);
    const other = marks.indexOf(1, first + 1);
    if (first >= from && first < from + k && (other < 0 || other >= from + k)) {
      return { best: first - from, score: NaN, second: -Infinity };
    }
    // Without a mark the scores left the range of float32: then every centroid is looked at.
    const all = first < from || first >= from + k;
    let decision = { best: -1, score: -Infinity, second: -Infinity };
    for (let cluster = all ? 0 : first - from; cluster < k && cluster >= 0;) {
      const near = this.#nearness.of(row, cluster);
      if (decision.best < 0 || near > decision.score) decision = { best: cluster, score: near, second: decision.score };
      else decision.second = Math.max(decision.second, near);
      cluster = all ? cluster + 1 : marks.indexOf(1, from + cluster + 1) - from;
    }
    const { metric, squaredNorms } = this.#set;
    const finished = (near: number): number => (metric === 'l2' ? (squaredNorms[row]! + near) / 2 : near);
    return { best: decision.best, score: finished(decision.score), second: finished(decision.second) };
  }

  #floor(rows: number, k: number): TfTensor {
    let floor = this.#floors.get(rows);
    if (floor === undefined) {
      const ones = this.#tf.ones([rows, k]);
      floor = this.#tf.mul(ones, lowestScore);
      ones.dispose();
      this.#floors.set(rows, floor);
    }
    return floor;
  }
}

/** First place from `from` on whose value is not below `value`. */
function lowerBound(values: Int32Array, value: number, from: number): number {
  let [low, high] = [from, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
