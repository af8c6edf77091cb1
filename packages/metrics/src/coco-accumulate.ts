import type { MatchedRows } from './coco-match.ts';
import type { CocoParameters } from './coco-parameters.ts';
import { orderByFallingScore, orderByKey } from './stable-order.ts';

/** Precision, recall and score at every setting; -1 where a category has no ground truth in an area range. */
export interface CocoCurves {
  /** [T, R, K, A, M] precision at recall level, thresholds x recall levels x categories x areas x maxDetections. */
  readonly precision: Float64Array;
  /** [T, R, K, A, M] score at which that recall is reached; 0 where it is not. */
  readonly scores: Float64Array;
  /** [T, K, A, M] recall reached. */
  readonly recall: Float64Array;
  readonly shape: {
    readonly thresholds: number;
    readonly recalls: number;
    readonly categories: number;
    readonly areas: number;
    readonly maxDetections: number;
  };
}

/** numpy's `spacing(1)`, which pycocotools adds to the denominator of precision. */
const spacing = 2 ** -52;

/**
 * Precision over recall for every category, area range, IoU threshold and number of detections.
 *
 * Precision peaks only at true positives and recall rises only there, so a curve is kept as its true positives; detections
 * unmatched at every threshold are counted once for all of them.
 */
export function accumulateMatches(
  rows: MatchedRows,
  numCategories: number,
  parameters: Required<CocoParameters>,
): CocoCurves {
  const numT = parameters.iouThresholds.length;
  const numA = rows.numAreas;
  const { maxDetections } = parameters;
  const numM = maxDetections.length;
  const recalls = Float64Array.from(parameters.recallThresholds);
  const numR = recalls.length;
  const precision = new Float64Array(numT * numR * numCategories * numA * numM).fill(-1);
  const scores = new Float64Array(precision.length).fill(-1);
  const recall = new Float64Array(numT * numCategories * numA * numM).fill(-1);
  const order = orderByKey(rows.category, numCategories, orderByFallingScore(rows.score));
  const curve = new CurveBuilder(rows, numT);
  const perRecall = numCategories * numA * numM;
  for (let k = 0, from = 0; k < numCategories; k += 1) {
    let to = from;
    let maxRank = 0;
    while (to < order.length && rows.category[order[to]!] === k) {
      maxRank = Math.max(maxRank, rows.rank[order[to]!]!);
      to += 1;
    }
    for (let a = 0; a < numA; a += 1) {
      const positives = rows.positives[k * numA + a]!;
      if (positives === 0) continue;
      for (let m = 0; m < numM; m += 1) {
        const cell = (k * numA + a) * numM + m;
        if (m > 0 && maxDetections[m - 1]! > maxRank) {
          // the smaller limit already let everything through
          for (let t = 0; t < numT; t += 1) {
            recall[t * perRecall + cell] = recall[t * perRecall + cell - 1]!;
            for (let r = 0; r < numR; r += 1) {
              const at = (t * numR + r) * perRecall + cell;
              precision[at] = precision[at - 1]!;
              scores[at] = scores[at - 1]!;
            }
          }
          continue;
        }
        curve.build(order, from, to, a, maxDetections[m]!);
        for (let t = 0; t < numT; t += 1) {
          recall[t * perRecall + cell] = curve.truePositives(t) / positives;
          curve.read(t, positives, recalls, precision, scores, t * numR * perRecall + cell, perRecall);
        }
      }
    }
    from = to;
  }
  return {
    precision,
    scores,
    recall,
    shape: { thresholds: numT, recalls: numR, categories: numCategories, areas: numA, maxDetections: numM },
  };
}

/** The true positives of one category, area range and detection limit, for every IoU threshold. */
class CurveBuilder {
  readonly #rows: MatchedRows;
  readonly #numT: number;
  readonly #count: Int32Array;
  readonly #extra: Int32Array;
  #capacity = 256;
  /** [T, capacity] detections that counted up to and including each true positive. */
  #seen: Float64Array;
  /** [T, capacity] score of each true positive. */
  #score: Float64Array;
  #firstScore = 0;
  #numRows = 0;

  constructor(rows: MatchedRows, numT: number) {
    this.#rows = rows;
    this.#numT = numT;
    this.#count = new Int32Array(numT);
    this.#extra = new Int32Array(numT);
    this.#seen = new Float64Array(numT * this.#capacity);
    this.#score = new Float64Array(numT * this.#capacity);
  }

  truePositives(t: number): number {
    return this.#count[t]!;
  }

  build(order: Int32Array, from: number, to: number, area: number, limit: number): void {
    const { rank, score, length } = this.#rows;
    const matched = this.#rows.matched.subarray(area * length, (area + 1) * length);
    const ignored = this.#rows.ignored.subarray(area * length, (area + 1) * length);
    const numT = this.#numT;
    const count = this.#count.fill(0);
    const extra = this.#extra.fill(0);
    let candidates = 0;
    for (let i = from; i < to; i += 1) if (matched[order[i]!] !== 0) candidates += 1;
    if (candidates > this.#capacity) {
      this.#capacity = 2 * candidates;
      this.#seen = new Float64Array(numT * this.#capacity);
      this.#score = new Float64Array(numT * this.#capacity);
    }
    const seen = this.#seen;
    const scoreAt = this.#score;
    const capacity = this.#capacity;
    let common = 0;
    this.#numRows = 0;
    for (let i = from; i < to; i += 1) {
      const row = order[i]!;
      if (rank[row]! >= limit) continue;
      if (this.#numRows === 0) this.#firstScore = score[row]!;
      this.#numRows += 1;
      const bits = matched[row]!;
      const out = ignored[row]!;
      if (bits === 0) {
        if (out === 0) common += 1;
        continue;
      }
      for (let t = 0; t < numT; t += 1) {
        const bit = 1 << t;
        if ((out & bit) !== 0) continue;
        extra[t]! += 1;
        if ((bits & bit) === 0) continue;
        const at = t * capacity + count[t]!;
        seen[at] = common + extra[t]!;
        scoreAt[at] = score[row]!;
        count[t]! += 1;
      }
    }
  }

  /** Writes precision and score at every recall level, `stride` apart, as pycocotools reads them off. */
  read(
    t: number,
    positives: number,
    recalls: Float64Array,
    precision: Float64Array,
    scores: Float64Array,
    offset: number,
    stride: number,
  ): void {
    const base = t * this.#capacity;
    const total = this.#count[t]!;
    const seen = this.#seen;
    // from the right: the highest precision at this true positive or a later one, kept in place of `seen`
    let best = 0;
    for (let i = total - 1; i >= 0; i -= 1) {
      const value = (i + 1) / (seen[base + i]! + spacing);
      if (value > best) best = value;
      seen[base + i] = best;
    }
    let i = 0;
    for (let r = 0, at = offset; r < recalls.length; r += 1, at += stride) {
      const level = recalls[r]!;
      if (level <= 0) {
        // recall 0 is reached by the first detection, whatever it is
        precision[at] = best;
        scores[at] = this.#numRows > 0 ? this.#firstScore : 0;
        continue;
      }
      while (i < total && (i + 1) / positives < level) i += 1;
      precision[at] = i < total ? seen[base + i]! : 0;
      scores[at] = i < total ? this.#score[base + i]! : 0;
    }
  }
}
