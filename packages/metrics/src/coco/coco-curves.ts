/** Sizes of the arrays of {@link CocoCurves}. */
export interface CurveShape {
  readonly thresholds: number;
  readonly recalls: number;
  readonly categories: number;
  readonly areas: number;
  readonly maxDetections: number;
}

/** A setting of precision: all thresholds or categories where undefined; an index of -1 selects nothing. */
export interface CurveSelection {
  readonly threshold: number | undefined;
  readonly category: number | undefined;
  readonly area: number;
  readonly maxDetections: number;
}

/**
 * Precision, recall and score at every setting; -1 where a category has no ground truth in an area range.
 *
 * The arrays are laid out as pycocotools' when they are asked for, and kept then; inside, the values of one curve lie together.
 */
export class CocoCurves {
  readonly shape: CurveShape;
  /** [K, A, T, R] at the last of `maxDetections`. */
  readonly #headline: Float64Array;
  /** [K, A, M, T] */
  readonly #recall: Float64Array;
  readonly #makeFull: () => { readonly precision: Float64Array; readonly scores: Float64Array };
  #full: { readonly precision: Float64Array; readonly scores: Float64Array } | undefined;
  #turned: { precision?: Float64Array; recall?: Float64Array; scores?: Float64Array } = {};

  /**
   * @param headline - [K, A, T, R] precision at the last of `maxDetections`
   * @param recall - [K, A, M, T]
   * @param makeFull - computes precision and scores at all of them, [K, A, M, T, R], when they are first asked for
   */
  constructor(
    shape: CurveShape,
    headline: Float64Array,
    recall: Float64Array,
    makeFull: () => { readonly precision: Float64Array; readonly scores: Float64Array },
  ) {
    this.shape = shape;
    this.#headline = headline;
    this.#recall = recall;
    this.#makeFull = makeFull;
  }

  /** [T, R, K, A, M] precision at recall level: thresholds x recall levels x categories x areas x maxDetections. */
  get precision(): Float64Array {
    const { thresholds, recalls } = this.shape;
    return (this.#turned.precision ??= transposed(this.#all().precision, thresholds * recalls));
  }

  /** [T, R, K, A, M] score at which that recall is reached; 0 where it is not. */
  get scores(): Float64Array {
    const { thresholds, recalls } = this.shape;
    return (this.#turned.scores ??= transposed(this.#all().scores, thresholds * recalls));
  }

  /** [T, K, A, M] recall reached. */
  get recall(): Float64Array {
    return (this.#turned.recall ??= transposed(this.#recall, this.shape.thresholds));
  }

  /** Mean over the values that are defined; NaN over none. */
  meanPrecision(selection: CurveSelection): number {
    const { recalls, maxDetections } = this.shape;
    if (selection.maxDetections === maxDetections - 1) {
      return this.#mean(this.#headline, { ...selection, maxDetections: 0 }, recalls, 1);
    }
    if (selection.maxDetections === -1) return Number.NaN;
    return this.#mean(this.#all().precision, selection, recalls, maxDetections);
  }

  /** Mean over the values that are defined; NaN over none. */
  meanRecall(selection: CurveSelection): number {
    return this.#mean(this.#recall, selection, 1, this.shape.maxDetections);
  }

  #all(): { readonly precision: Float64Array; readonly scores: Float64Array } {
    return (this.#full ??= this.#makeFull());
  }

  #mean(values: Float64Array, selection: CurveSelection, perThreshold: number, numM: number): number {
    const { thresholds, categories, areas } = this.shape;
    const { threshold, category, area, maxDetections: m } = selection;
    if (threshold === -1 || area === -1 || m === -1) return Number.NaN;
    const firstThreshold = (threshold ?? 0) * perThreshold;
    const lastThreshold = threshold === undefined ? thresholds * perThreshold : firstThreshold + perThreshold;
    let sum = 0;
    let count = 0;
    for (let k = category ?? 0; k < (category === undefined ? categories : category + 1); k += 1) {
      const cell = ((k * areas + area) * numM + m) * thresholds * perThreshold;
      if (values[cell]! < 0) continue;
      for (let i = firstThreshold; i < lastThreshold; i += 1) sum += values[cell + i]!;
      count += lastThreshold - firstThreshold;
    }
    return count === 0 ? Number.NaN : sum / count;
  }
}

/** [rows, columns] -> [columns, rows], in blocks that stay in the cache. */
function transposed(values: Float64Array, columns: number): Float64Array {
  const rows = values.length / columns;
  const out = new Float64Array(values.length);
  const block = 32;
  for (let r0 = 0; r0 < rows; r0 += block) {
    for (let c0 = 0; c0 < columns; c0 += block) {
      const r1 = Math.min(rows, r0 + block);
      const c1 = Math.min(columns, c0 + block);
      for (let r = r0; r < r1; r += 1) for (let c = c0; c < c1; c += 1) out[c * rows + r] = values[r * columns + c]!;
    }
  }
  return out;
}
