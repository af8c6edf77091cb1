import { assertInteger, assertLength, U2SegError } from '@u2seg/core';
import { labelBoundary } from './label-boundary.ts';
import { countLabelPairs } from './label-pairs.ts';

export interface SemanticOptions {
  /** Ground-truth label of pixels that are not scored. */
  readonly ignoreLabel?: number;
  /** Also count boundary IoU (costs several times the rest). */
  readonly boundary?: boolean;
  /**
   * What becomes of pixels predicted as void (label C): `missed` counts them against their class; `left-out` drops them, as
   * detectron2's evaluator does, which flatters a system that declines to answer.
   */
  readonly voidPredictions?: 'missed' | 'left-out';
  /**
   * Repeat an overflow of detectron2's evaluator: it indexes boundary counts with 8-bit numbers, which wrap around from 16 classes
   * on and count pixels for the wrong pair.
   */
  readonly wrapBoundaryCounts?: boolean;
}

export const semanticDefaults: Required<SemanticOptions> = {
  ignoreLabel: 255,
  boundary: false,
  voidPredictions: 'missed',
  wrapBoundaryCounts: false,
};

/** One class; NaN where a number is undefined. */
export interface SemanticClassScore {
  readonly name: string;
  /** NaN for a class absent from the ground truth; the mean leaves it out. */
  readonly iou: number;
  readonly accuracy: number;
  readonly boundaryIou: number;
  readonly minIou: number;
  /** Ground-truth pixels scored. */
  readonly pixels: number;
}

/** Numbers in [0, 1]; NaN when there is nothing to average over. */
export interface SemanticReport {
  readonly protocol: 'semantic-confusion';
  readonly options: Required<SemanticOptions>;
  readonly miou: number;
  readonly frequencyWeightedIou: number;
  readonly meanAccuracy: number;
  readonly pixelAccuracy: number;
  readonly perClass: readonly SemanticClassScore[];
  readonly images: number;
}

/**
 * Semantic segmentation scores from a confusion matrix of pixels, as detectron2's SemSegEvaluator: mean and frequency-weighted
 * IoU over the classes present in the ground truth, pixel and mean class accuracy, boundary IoU.
 */
export class SemanticConfusion {
  readonly #names: readonly string[];
  readonly #options: Required<SemanticOptions>;
  /** [C + 1, C + 1] predicted x ground truth; the last is void and ignore. */
  readonly #matrix: Float64Array;
  readonly #boundary: Float64Array;
  #images = 0;

  constructor(classNames: readonly string[], options: SemanticOptions = {}) {
    assertInteger('SemanticConfusion: number of classes', classNames.length, 1, 254);
    this.#names = classNames;
    this.#options = { ...semanticDefaults, ...options };
    this.#matrix = new Float64Array((classNames.length + 1) ** 2);
    this.#boundary = new Float64Array(this.#options.boundary ? this.#matrix.length : 0);
  }

  /** [C + 1, C + 1] pixels, predicted class x ground-truth class, the last of each void and ignored. A copy. */
  get matrix(): Float64Array {
    return this.#matrix.slice();
  }

  /** The same for boundaries; empty where they are not counted. A copy. */
  get boundaryMatrix(): Float64Array {
    return this.#boundary.slice();
  }

  /**
   * Adds one image.
   *
   * @param prediction - [H, W] labels in [0, C); C means void
   * @param gt - [H, W] labels in [0, C), or the ignore label
   * @returns the image's own pixel accuracy
   * @throws U2SegError `out-of-range` naming a label that is neither a class nor the ignore label
   */
  update(
    prediction: Uint8Array,
    gt: Uint8Array,
    height: number,
    width: number,
    name: string = `image ${this.#images}`,
  ): { readonly pixelAccuracy: number } {
    const where = `SemanticConfusion.update: ${name}`;
    assertLength(`${where}: gt`, gt.length, [height, width]);
    assertLength(`${where}: prediction`, prediction.length, [height, width]);
    const C = this.#names.length;
    const pairs = countLabelPairs(prediction, gt);
    const own = new Float64Array(this.#matrix.length);
    for (let p = 0; p < 256; p += 1) {
      for (let g = 0; g < 256; g += 1) {
        const count = pairs[p * 256 + g]!;
        if (count === 0) continue;
        if (p > C) throw unknownLabel(`${where}: prediction`, p, C, 'void');
        if (g >= C && g !== this.#options.ignoreLabel) throw unknownLabel(`${where}: gt`, g, C, 'ignore');
        own[p * (C + 1) + (g === this.#options.ignoreLabel ? C : g)]! += count;
      }
    }
    for (let i = 0; i < own.length; i += 1) this.#matrix[i]! += own[i]!;
    if (this.#options.boundary) this.#addBoundary(prediction, gt, height, width);
    this.#images += 1;
    return { pixelAccuracy: this.#sums(own).pixelAccuracy };
  }

  /** Adds what another accumulator of the same classes has counted. */
  merge(other: SemanticConfusion): void {
    if (
      other.#names.join('\n') !== this.#names.join('\n') ||
      JSON.stringify(other.#options) !== JSON.stringify(this.#options)
    ) {
      throw new U2SegError('conflict', 'SemanticConfusion.merge: both must have the same classes and options.');
    }
    for (let i = 0; i < this.#matrix.length; i += 1) this.#matrix[i]! += other.#matrix[i]!;
    for (let i = 0; i < this.#boundary.length; i += 1) this.#boundary[i]! += other.#boundary[i]!;
    this.#images += other.#images;
  }

  compute(): SemanticReport {
    const C = this.#names.length;
    const { tp, positives, predicted, pixelAccuracy } = this.#sums(this.#matrix);
    const boundary = this.#boundaryIou();
    const total = positives.reduce((sum, count) => sum + count, 0);
    let miou = 0;
    let weighted = 0;
    let accuracy = 0;
    let present = 0;
    const perClass = this.#names.map((name, c): SemanticClassScore => {
      const known = positives[c]! > 0;
      const iou = known ? tp[c]! / (positives[c]! + predicted[c]! - tp[c]!) : Number.NaN;
      const acc = known ? tp[c]! / positives[c]! : Number.NaN;
      if (known) {
        miou += iou;
        accuracy += acc;
        weighted += (iou * positives[c]!) / total;
        present += 1;
      }
      const boundaryIou = boundary[c] ?? Number.NaN;
      const minIou = Number.isNaN(iou) || Number.isNaN(boundaryIou) ? Number.NaN : Math.min(iou, boundaryIou);
      return { name, iou, accuracy: acc, boundaryIou, minIou, pixels: positives[c]! };
    });
    return {
      protocol: 'semantic-confusion',
      options: this.#options,
      miou: miou / present,
      frequencyWeightedIou: present === 0 ? Number.NaN : weighted,
      meanAccuracy: accuracy / present,
      pixelAccuracy,
      perClass: perClass.slice(0, C),
      images: this.#images,
    };
  }

  reset(): void {
    this.#matrix.fill(0);
    this.#boundary.fill(0);
    this.#images = 0;
  }

  #sums(matrix: Float64Array): {
    tp: Float64Array;
    positives: Float64Array;
    predicted: Float64Array;
    pixelAccuracy: number;
  } {
    const C = this.#names.length;
    const tp = new Float64Array(C);
    const positives = new Float64Array(C);
    const predicted = new Float64Array(C);
    const rows = this.#options.voidPredictions === 'missed' ? C + 1 : C;
    let right = 0;
    let all = 0;
    for (let p = 0; p < rows; p += 1) {
      for (let g = 0; g < C; g += 1) {
        const count = matrix[p * (C + 1) + g]!;
        positives[g]! += count;
        all += count;
        if (p < C) predicted[p]! += count;
        if (p === g) {
          tp[g] = count;
          right += count;
        }
      }
    }
    return { tp, positives, predicted, pixelAccuracy: right / all };
  }

  #addBoundary(prediction: Uint8Array, gt: Uint8Array, height: number, width: number): void {
    const C = this.#names.length;
    const ignore = this.#options.ignoreLabel;
    const scored = gt.map((label) => (label === ignore ? C : label));
    const pairs = countLabelPairs(labelBoundary(prediction, height, width), labelBoundary(scored, height, width));
    for (let p = 0; p <= C; p += 1) {
      for (let g = 0; g <= C; g += 1) {
        const index = p * (C + 1) + g;
        this.#boundary[this.#options.wrapBoundaryCounts ? index % 256 : index]! += pairs[p * 256 + g]!;
      }
    }
  }

  #boundaryIou(): number[] {
    if (!this.#options.boundary) return [];
    const C = this.#names.length;
    return this.#names.map((_, c) => {
      const tp = this.#boundary[c * (C + 1) + c]!;
      let union = -tp;
      for (let i = 0; i < C; i += 1) union += this.#boundary[c * (C + 1) + i]! + this.#boundary[i * (C + 1) + c]!;
      return union > 0 ? tp / union : Number.NaN;
    });
  }
}

function unknownLabel(where: string, label: number, classes: number, extra: string): U2SegError {
  return new U2SegError(
    'out-of-range',
    `${where}: label must be in [0, ${classes}) or the ${extra} label, got ${label}.`,
  );
}
