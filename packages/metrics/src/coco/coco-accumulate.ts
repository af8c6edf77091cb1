import { CocoCurves, type CurveShape } from './coco-curves.ts';
import type { MatchedRows } from './coco-match.ts';
import type { CocoParameters } from './coco-parameters.ts';
import { orderByFallingScore, orderByKey } from './stable-order.ts';

/** numpy's `spacing(1)`, which pycocotools adds to the denominator of precision. */
const spacing = 2 ** -52;

/**
 * Precision over recall for every category, area range, IoU threshold and number of detections.
 *
 * Precision peaks only at true positives and recall rises only there, so a curve is kept as its true positives. A detection that
 * counts at all counts at every threshold, right or wrong, so one running count serves all thresholds.
 */
export function accumulateMatches(
  rows: MatchedRows,
  numCategories: number,
  parameters: Required<CocoParameters>,
): CocoCurves {
  const shape = {
    thresholds: parameters.iouThresholds.length,
    recalls: parameters.recallThresholds.length,
    categories: numCategories,
    areas: rows.numAreas,
    maxDetections: parameters.maxDetections.length,
  };
  const headline = accumulate(rows, shape, parameters, false);
  // scores, and precision below the last of `maxDetections`, are seldom asked for and cost more than the rest
  return new CocoCurves(shape, headline.precision, headline.recall, () => accumulate(rows, shape, parameters, true));
}

/**
 * Recall at every setting; precision at the last of `maxDetections` alone [K, A, T, R], or with `full` at all of them
 * [K, A, M, T, R], and scores.
 */
function accumulate(
  rows: MatchedRows,
  shape: CurveShape,
  parameters: Required<CocoParameters>,
  full: boolean,
): { precision: Float64Array; scores: Float64Array; recall: Float64Array } {
  const { thresholds: numT, recalls: numR, categories: numK, areas: numA, maxDetections: numM } = shape;
  const { maxDetections } = parameters;
  const levels = Float64Array.from(parameters.recallThresholds);
  const perCurve = numT * numR;
  const precision = new Float64Array(numK * numA * (full ? numM : 1) * perCurve);
  const scores = new Float64Array(full ? precision.length : 0);
  const recall = new Float64Array(numK * numA * numM * numT);
  const order = orderByKey(rows.category, numK, orderByFallingScore(rows.score));
  const needed = new Int32Array(numR);
  const builder = new CurveBuilder(rows, numT);
  for (let k = 0, from = 0; k < numK; k += 1) {
    let to = from;
    while (to < order.length && rows.category[order[to]!] === k) to += 1;
    builder.gather(order, from, to);
    from = to;
    for (let a = 0; a < numA; a += 1) {
      const positives = rows.positives[k * numA + a]!;
      if (positives > 0) truePositivesNeeded(levels, positives, needed);
      for (let m = 0; m < numM; m += 1) {
        const cell = (k * numA + a) * numM + m;
        const withCurve = full || m === numM - 1;
        const at = (full ? cell : k * numA + a) * perCurve;
        if (positives === 0) {
          recall.fill(-1, cell * numT, (cell + 1) * numT);
          if (withCurve) precision.fill(-1, at, at + perCurve);
          if (full) scores.fill(-1, at, at + perCurve);
          continue;
        }
        if (withCurve) builder.build(a, maxDetections[m]!);
        else builder.count(a, maxDetections[m]!);
        for (let t = 0; t < numT; t += 1) {
          recall[cell * numT + t] = builder.truePositives(t) / positives;
          if (withCurve) builder.read(t, needed, precision, at + t * numR);
          if (full) builder.readScores(t, needed, scores, at + t * numR);
        }
      }
    }
  }
  return { precision, scores, recall };
}

/** How many true positives reach each recall level, decided by the same division as recall itself; 0 for level 0. */
function truePositivesNeeded(levels: Float64Array, positives: number, needed: Int32Array): void {
  for (let r = 0, count = 0; r < levels.length; r += 1) {
    while (count / positives < levels[r]! && count <= positives) count += 1;
    needed[r] = count;
  }
}

/** The true positives of one category, area range and detection limit, for every IoU threshold. */
class CurveBuilder {
  readonly #rows: MatchedRows;
  readonly #numT: number;
  readonly #count: Int32Array;
  readonly #skipped: Int32Array;
  /** The category's rows, in order of falling score. */
  #numRows = 0;
  #rank = new Int32Array(0);
  #rowScore = new Float64Array(0);
  /** [numAreas, capacity] */
  #matched = new Uint32Array(0);
  #ignored = new Uint32Array(0);
  #firstScore = 0;
  /** [T, capacity] precision envelope at each true positive, and its score. */
  #envelope = new Float64Array(0);
  #score = new Float64Array(0);

  constructor(rows: MatchedRows, numT: number) {
    this.#rows = rows;
    this.#numT = numT;
    this.#count = new Int32Array(numT);
    this.#skipped = new Int32Array(numT);
  }

  truePositives(t: number): number {
    return this.#count[t]!;
  }

  /** Brings a category's rows side by side. */
  gather(order: Int32Array, from: number, to: number): void {
    const { rank, score, matched, ignored, numAreas } = this.#rows;
    const n = to - from;
    if (n > this.#rank.length) {
      this.#rank = new Int32Array(2 * n);
      this.#rowScore = new Float64Array(2 * n);
      this.#matched = new Uint32Array(2 * n * numAreas);
      this.#ignored = new Uint32Array(2 * n * numAreas);
      this.#envelope = new Float64Array(2 * n * this.#numT);
      this.#score = new Float64Array(2 * n * this.#numT);
    }
    const capacity = this.#rank.length;
    for (let i = 0; i < n; i += 1) {
      const row = order[from + i]!;
      this.#rank[i] = rank[row]!;
      this.#rowScore[i] = score[row]!;
      for (let a = 0, at = row * numAreas; a < numAreas; a += 1, at += 1) {
        this.#matched[a * capacity + i] = matched[at]!;
        this.#ignored[a * capacity + i] = ignored[at]!;
      }
    }
    this.#numRows = n;
  }

  /** Counts true positives only. */
  count(area: number, limit: number): void {
    const count = this.#count.fill(0);
    const base = area * this.#rank.length;
    for (let i = 0; i < this.#numRows; i += 1) {
      const right = this.#matched[base + i]! & ~this.#ignored[base + i]!;
      if (right === 0 || this.#rank[i]! >= limit) continue;
      for (let bits = right >>> 0, t = 0; bits !== 0; bits >>>= 1, t += 1) count[t]! += bits & 1;
    }
  }

  /** Counts true positives and notes precision and score at each. */
  build(area: number, limit: number): void {
    const capacity = this.#rank.length;
    const matched = this.#matched;
    const ignored = this.#ignored;
    const rank = this.#rank;
    const envelope = this.#envelope;
    const scores = this.#score;
    const count = this.#count.fill(0);
    const skipped = this.#skipped.fill(0);
    const numT = this.#numT;
    const base = area * capacity;
    let seen = 0;
    let first = -1;
    for (let i = 0; i < this.#numRows; i += 1) {
      if (rank[i]! >= limit) continue;
      if (first < 0) first = i;
      const bits = matched[base + i]!;
      const out = ignored[base + i]!;
      if (bits === 0) {
        if (out === 0) seen += 1;
        continue;
      }
      seen += 1;
      const score = this.#rowScore[i]!;
      for (let left = out, t = 0; left !== 0; left >>>= 1, t += 1) skipped[t]! += left & 1;
      for (let left = (bits & ~out) >>> 0, t = 0; left !== 0; left >>>= 1, t += 1) {
        if ((left & 1) === 0) continue;
        const at = t * capacity + count[t]!;
        envelope[at] = seen - skipped[t]!;
        scores[at] = score;
        count[t]! += 1;
      }
    }
    this.#firstScore = first < 0 ? 0 : this.#rowScore[first]!;
    // from the right: the highest precision at this true positive or a later one
    for (let t = 0; t < numT; t += 1) {
      let best = 0;
      for (let i = count[t]! - 1, at = t * capacity + i; i >= 0; i -= 1, at -= 1) {
        const value = (i + 1) / (envelope[at]! + spacing);
        if (value > best) best = value;
        envelope[at] = best;
      }
    }
  }

  /** Writes precision at every recall level. Recall 0 is reached by the first detection, whatever it is. */
  read(t: number, needed: Int32Array, out: Float64Array, at: number): void {
    const base = t * this.#rank.length - 1;
    const total = this.#count[t]!;
    for (let r = 0; r < needed.length; r += 1) {
      const n = needed[r]!;
      if (n > total || total === 0) out[at + r] = 0;
      else out[at + r] = this.#envelope[base + (n === 0 ? 1 : n)]!;
    }
  }

  readScores(t: number, needed: Int32Array, out: Float64Array, at: number): void {
    const base = t * this.#rank.length - 1;
    for (let r = 0; r < needed.length; r += 1) {
      const n = needed[r]!;
      if (n === 0) out[at + r] = this.#firstScore;
      else out[at + r] = n > this.#count[t]! ? 0 : this.#score[base + n]!;
    }
  }
}
