import { assertInteger, assertLength, U2SegError } from '@u2seg/core';
import {
  scoreConfusion,
  semanticDefaults,
  sumConfusion,
  type SemanticOptions,
  type SemanticReport,
} from './confusion-scores.ts';
import { labelBoundary } from './label-boundary.ts';
import { countLabelPairs } from './label-pairs.ts';

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
  readonly #pairs = new Uint32Array(256 * 256);
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
    const pairs = countLabelPairs(prediction, gt, this.#pairs);
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
    return { pixelAccuracy: sumConfusion(own, C, this.#options).pixelAccuracy };
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

  /** Adds another accumulator's matrices, over `images` images: what a worker sends home. */
  addCounts(matrix: Float64Array, boundaryMatrix: Float64Array, images: number): void {
    const size = this.#names.length + 1;
    assertLength('SemanticConfusion.addCounts: matrix', matrix.length, [size, size]);
    assertLength('SemanticConfusion.addCounts: boundaryMatrix', boundaryMatrix.length, [this.#boundary.length]);
    for (let i = 0; i < matrix.length; i += 1) this.#matrix[i]! += matrix[i]!;
    for (let i = 0; i < boundaryMatrix.length; i += 1) this.#boundary[i]! += boundaryMatrix[i]!;
    this.#images += images;
  }

  compute(): SemanticReport {
    return scoreConfusion(this.#matrix, this.#names, this.#options, this.#images, this.#boundary);
  }

  reset(): void {
    this.#matrix.fill(0);
    this.#boundary.fill(0);
    this.#images = 0;
  }

  #addBoundary(prediction: Uint8Array, gt: Uint8Array, height: number, width: number): void {
    const C = this.#names.length;
    const ignore = this.#options.ignoreLabel;
    const scored = gt.map((label) => (label === ignore ? C : label));
    const pairs = countLabelPairs(
      labelBoundary(prediction, height, width),
      labelBoundary(scored, height, width),
      this.#pairs,
    );
    for (let p = 0; p <= C; p += 1) {
      for (let g = 0; g <= C; g += 1) {
        const index = p * (C + 1) + g;
        this.#boundary[this.#options.wrapBoundaryCounts ? index % 256 : index]! += pairs[p * 256 + g]!;
      }
    }
  }
}

function unknownLabel(where: string, label: number, classes: number, extra: string): U2SegError {
  return new U2SegError(
    'out-of-range',
    `${where}: label must be in [0, ${classes}) or the ${extra} label, got ${label}.`,
  );
}
