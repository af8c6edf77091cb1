import { assertLength, U2SegError } from '@u2seg/core';
import type { PanopticImage, PanopticSegment } from './panoptic-image.ts';
import { countOverlaps, type Overlaps } from './panoptic-overlap.ts';

/** A category of panoptic evaluation. */
export interface PanopticCategory {
  readonly id: number;
  readonly name: string;
  readonly isThing: boolean;
}

/** Panoptic quality of one class or one average, each in [0, 1]. For one class, PQ = SQ * RQ. */
export interface PanopticScore {
  readonly pq: number;
  readonly sq: number;
  readonly rq: number;
}

/** An average over classes; NaN over none. */
export interface PanopticAverage extends PanopticScore {
  /** Classes that occur in ground truth or prediction; the others are not averaged over. */
  readonly classes: number;
}

/** One class with the counts behind its score; a class that never occurs has zeros and counts in no average. */
export interface PanopticClassScore extends PanopticScore {
  readonly categoryId: number;
  readonly name: string;
  readonly isThing: boolean;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly iouSum: number;
}

export interface PanopticReport {
  readonly protocol: 'panoptic-quality';
  readonly mode: PanopticMode;
  readonly all: PanopticAverage;
  readonly things: PanopticAverage;
  readonly stuff: PanopticAverage;
  readonly perClass: readonly PanopticClassScore[];
  readonly images: number;
}

/**
 * `reference` repeats panopticapi: areas of ground truth from its JSON, and of several crowd regions of one class in one image
 * only the last counts. `corrected` counts areas in the map and every crowd region.
 */
export type PanopticMode = 'corrected' | 'reference';

/** A prediction matches a ground truth of its class above this IoU (strictly), so matches are unique. */
const matchIou = 0.5;

/** A prediction more than this share void or crowd is left out. */
const ignoredShare = 0.5;

/**
 * Panoptic quality (Kirillov et al., arXiv:1801.00868), image by image. Only four numbers per class are kept; accumulators of
 * shards merge to what one would have counted.
 */
export class PanopticQuality {
  readonly #categories: readonly PanopticCategory[];
  readonly #classOf: Map<number, number>;
  readonly #mode: PanopticMode;
  /** [C, 4] tp, fp, fn, sum of IoU. */
  readonly #counts: Float64Array;
  #images = 0;

  constructor(categories: readonly PanopticCategory[], options: { readonly mode?: PanopticMode } = {}) {
    this.#categories = categories;
    this.#classOf = new Map(categories.map((category, index) => [category.id, index]));
    if (this.#classOf.size !== categories.length) {
      throw new U2SegError('conflict', 'PanopticQuality: categories must have different ids.');
    }
    this.#mode = options.mode ?? 'corrected';
    this.#counts = new Float64Array(4 * categories.length);
  }

  /**
   * Adds one image and says how it scored by itself.
   *
   * @param name - for error messages, for example the image's id
   * @throws U2SegError `shape-mismatch` for maps of different size, `bad-format` for a pixel whose segment is not listed, a
   *   listed segment without pixels, or an unknown category
   */
  update(gt: PanopticImage, prediction: PanopticImage, name: string = `image ${this.#images}`): PanopticScore {
    assertLength(`PanopticQuality.update: ${name}: prediction.ids`, prediction.ids.length, [gt.ids.length]);
    const overlaps = countOverlaps(name, gt, prediction, this.#mode === 'reference');
    return this.updateOverlaps(gt.segments, prediction.segments, overlaps, name);
  }

  /**
   * Adds one image whose segments were compared before, for example to score one prediction under several matchings without
   * keeping its maps.
   */
  updateOverlaps(
    gt: readonly PanopticSegment[],
    prediction: readonly PanopticSegment[],
    overlaps: Overlaps,
    name: string = `image ${this.#images}`,
  ): PanopticScore {
    const own = new Float64Array(this.#counts.length);
    this.#match(name, gt, prediction, overlaps, own);
    for (let i = 0; i < own.length; i += 1) this.#counts[i]! += own[i]!;
    this.#images += 1;
    const { pq, sq, rq } = this.#average(own, () => true);
    return { pq, sq, rq };
  }

  /** Adds what another accumulator of the same categories has counted. */
  merge(other: PanopticQuality): void {
    const same =
      other.#mode === this.#mode &&
      other.#categories.length === this.#categories.length &&
      other.#categories.every((category, i) => category.id === this.#categories[i]!.id);
    if (!same) {
      throw new U2SegError('conflict', 'PanopticQuality.merge: both must have the same categories and mode.');
    }
    for (let i = 0; i < this.#counts.length; i += 1) this.#counts[i]! += other.#counts[i]!;
    this.#images += other.#images;
  }

  /** [C, 4] tp, fp, fn and sum of IoU of every class: what a worker sends home. A copy. */
  get counts(): Float64Array {
    return this.#counts.slice();
  }

  /** Adds another accumulator's `counts`, over `images` images. */
  addCounts(counts: Float64Array, images: number): void {
    assertLength('PanopticQuality.addCounts', counts.length, [this.#categories.length, 4]);
    for (let i = 0; i < counts.length; i += 1) this.#counts[i]! += counts[i]!;
    this.#images += images;
  }

  compute(): PanopticReport {
    return {
      protocol: 'panoptic-quality',
      mode: this.#mode,
      all: this.#average(this.#counts, () => true),
      things: this.#average(this.#counts, (category) => category.isThing),
      stuff: this.#average(this.#counts, (category) => !category.isThing),
      perClass: this.#categories.map((category, c) => {
        const [tp, fp, fn, iouSum] = this.#counts.subarray(4 * c, 4 * c + 4) as unknown as [
          number,
          number,
          number,
          number,
        ];
        return {
          categoryId: category.id,
          name: category.name,
          isThing: category.isThing,
          ...panopticScore(iouSum, tp, fp, fn),
          tp,
          fp,
          fn,
          iouSum,
        };
      }),
      images: this.#images,
    };
  }

  reset(): void {
    this.#counts.fill(0);
    this.#images = 0;
  }

  #match(
    name: string,
    gt: readonly PanopticSegment[],
    prediction: readonly PanopticSegment[],
    overlaps: Overlaps,
    counts: Float64Array,
  ): void {
    const reference = this.#mode === 'reference';
    const { shared, gtAreas, predictedAreas } = overlaps;
    const stride = prediction.length + 1;
    const gtClass = gt.map((segment) => this.#class(name, 'ground truth', segment));
    const predictedClass = prediction.map((segment) => this.#class(name, 'prediction', segment));
    const gtMatched = new Uint8Array(gt.length);
    const predictedMatched = new Uint8Array(prediction.length);
    gt.forEach((segment, g) => {
      if (segment.isCrowd === true) return;
      for (let p = 0; p < prediction.length; p += 1) {
        const intersection = shared[(g + 1) * stride + p + 1]!;
        if (intersection === 0 || gtClass[g] !== predictedClass[p]) continue;
        const union = predictedAreas[p]! + gtAreas[g]! - intersection - shared[p + 1]!;
        const iou = intersection / union;
        if (!(iou > matchIou)) continue;
        counts[4 * gtClass[g]!]! += 1;
        counts[4 * gtClass[g]! + 3]! += iou;
        gtMatched[g] = 1;
        predictedMatched[p] = 1;
      }
    });
    const crowdsOf = new Map<number, number[]>();
    gt.forEach((segment, g) => {
      if (gtMatched[g] === 1) return;
      if (segment.isCrowd !== true) counts[4 * gtClass[g]! + 2]! += 1;
      else if (reference || !crowdsOf.has(gtClass[g]!)) crowdsOf.set(gtClass[g]!, [g]);
      else crowdsOf.get(gtClass[g]!)!.push(g);
    });
    prediction.forEach((_, p) => {
      if (predictedMatched[p] === 1) return;
      let ignored = shared[p + 1]!;
      for (const g of crowdsOf.get(predictedClass[p]!) ?? []) ignored += shared[(g + 1) * stride + p + 1]!;
      if (ignored / predictedAreas[p]! > ignoredShare) return;
      counts[4 * predictedClass[p]! + 1]! += 1;
    });
  }

  #class(name: string, side: string, segment: PanopticSegment): number {
    const index = this.#classOf.get(segment.categoryId);
    if (index === undefined) {
      throw new U2SegError(
        'bad-format',
        `PanopticQuality.update: ${name}: ${side}: segment ${segment.id}: categoryId ${segment.categoryId} is unknown.`,
      );
    }
    return index;
  }

  #average(counts: Float64Array, wanted: (category: PanopticCategory) => boolean): PanopticAverage {
    let pq = 0;
    let sq = 0;
    let rq = 0;
    let classes = 0;
    this.#categories.forEach((category, c) => {
      const [tp, fp, fn] = [counts[4 * c]!, counts[4 * c + 1]!, counts[4 * c + 2]!];
      if (!wanted(category) || tp + fp + fn === 0) return;
      const score = panopticScore(counts[4 * c + 3]!, tp, fp, fn);
      pq += score.pq;
      sq += score.sq;
      rq += score.rq;
      classes += 1;
    });
    return { pq: pq / classes, sq: sq / classes, rq: rq / classes, classes };
  }
}

/** PQ, SQ and RQ of one class from its counts; zeros where nothing occurred. */
export function panopticScore(iouSum: number, tp: number, fp: number, fn: number): PanopticScore {
  const denominator = tp + 0.5 * fp + 0.5 * fn;
  if (denominator === 0) return { pq: 0, sq: 0, rq: 0 };
  return { pq: iouSum / denominator, sq: tp === 0 ? 0 : iouSum / tp, rq: tp / denominator };
}
