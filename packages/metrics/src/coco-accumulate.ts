import { CocoCurves } from './coco-curves.ts';
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
  return accumulate(rows, numCategories, parameters, false).curves;
}

function accumulate(
  rows: MatchedRows,
  numCategories: number,
  parameters: Required<CocoParameters>,
  withScores: boolean,
): { curves: CocoCurves; scores: Float64Array } {
  const numT = parameters.iouThresholds.length;
  const numA = rows.numAreas;
  const { maxDetections } = parameters;
  const numM = maxDetections.length;
  const levels = Float64Array.from(parameters.recallThresholds);
  const numR = levels.length;
  const numCells = numCategories * numA * numM;
  const perCell = numT * numR;
  const precision = new Float64Array(numCells * perCell);
  const scores = new Float64Array(withScores ? precision.length : 0);
  const recall = new Float64Array(numCells * numT);
  const order = orderByKey(rows.category, numCategories, orderByFallingScore(rows.score));
  const needed = new Int32Array(numR);
  const builder = new CurveBuilder(rows, numT);
  for (let k = 0, from = 0; k < numCategories; k += 1) {
    let to = from;
    while (to < order.length && rows.category[order[to]!] === k) to += 1;
    const maxRank = builder.gather(order, from, to);
    for (let a = 0; a < numA; a += 1) {
      const positives = rows.positives[k * numA + a]!;
      const firstCell = (k * numA + a) * numM;
      if (positives === 0) {
        precision.fill(-1, firstCell * perCell, (firstCell + numM) * perCell);
        if (withScores) scores.fill(-1, firstCell * perCell, (firstCell + numM) * perCell);
        recall.fill(-1, firstCell * numT, (firstCell + numM) * numT);
        continue;
      }
      truePositivesNeeded(levels, positives, needed);
      for (let m = 0; m < numM; m += 1) {
        const cell = firstCell + m;
        if (m > 0 && maxDetections[m - 1]! > maxRank) {
          // the smaller limit already let everything through
          precision.copyWithin(cell * perCell, (cell - 1) * perCell, cell * perCell);
          if (withScores) scores.copyWithin(cell * perCell, (cell - 1) * perCell, cell * perCell);
          recall.copyWithin(cell * numT, (cell - 1) * numT, cell * numT);
          continue;
        }
        builder.build(a, maxDetections[m]!);
        for (let t = 0; t < numT; t += 1) {
          recall[cell * numT + t] = builder.truePositives(t) / positives;
          builder.read(t, needed, precision, cell * perCell + t * numR);
          if (withScores) builder.readScores(t, needed, scores, cell * perCell + t * numR);
        }
      }
    }
    from = to;
  }
  const shape = { thresholds: numT, recalls: numR, categories: numCategories, areas: numA, maxDetections: numM };
  // scores are seldom asked for and cost as much as the rest, so they are made when they are
  const lazyScores = (): Float64Array => accumulate(rows, numCategories, parameters, true).scores;
  return { curves: new CocoCurves(shape, precision, recall, lazyScores), scores };
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

  /** Brings a category's rows side by side; returns their highest rank. */
  gather(order: Int32Array, from: number, to: number): number {
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
    let maxRank = 0;
    for (let i = 0; i < n; i += 1) {
      const row = order[from + i]!;
      this.#rank[i] = rank[row]!;
      if (rank[row]! > maxRank) maxRank = rank[row]!;
      this.#rowScore[i] = score[row]!;
      for (let a = 0, at = row * numAreas; a < numAreas; a += 1, at += 1) {
        this.#matched[a * capacity + i] = matched[at]!;
        this.#ignored[a * capacity + i] = ignored[at]!;
      }
    }
    this.#numRows = n;
    return maxRank;
  }

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
      for (let t = 0; t < numT; t += 1) {
        const bit = 1 << t;
        if ((out & bit) !== 0) {
          skipped[t]! += 1;
        } else if ((bits & bit) !== 0) {
          const at = t * capacity + count[t]!;
          envelope[at] = seen - skipped[t]!;
          scores[at] = score;
          count[t]! += 1;
        }
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
