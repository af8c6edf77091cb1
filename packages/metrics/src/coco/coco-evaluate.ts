import { U2SegError } from '@u2seg/core';
import { accumulateMatches } from './coco-accumulate.ts';
import type { CocoCurves } from './coco-curves.ts';
import { matchInstances, type MatchedRows } from './coco-match.ts';
import { resolveCocoParameters, type CocoParameters, type IouType } from './coco-parameters.ts';
import { scoreCategories, summarizeCoco, type CocoCategoryScore, type CocoStats } from './coco-summary.ts';
import { withoutCategories, type CocoCategory, type CocoDetections, type CocoGroundTruth } from './coco-tables.ts';
import { maskedInstances } from './masked-instances.ts';
import { identityOrder } from './stable-order.ts';

/** Result of {@link evaluateCoco}, with everything that says how it was computed. */
export interface CocoReport {
  readonly protocol: 'coco-ap' | 'coco-ap-class-agnostic';
  readonly iouType: IouType;
  readonly parameters: Required<CocoParameters>;
  readonly images: number;
  readonly stats: CocoStats;
  readonly perCategory: readonly CocoCategoryScore[];
  readonly curves: CocoCurves;
}

/**
 * COCO average precision and recall of boxes or masks, number for number as pycocotools computes them.
 *
 * @throws U2SegError `wrong-usage` for `iouType: 'segm'` with detections that have no masks
 */
export function evaluateCoco(gt: CocoGroundTruth, dt: CocoDetections, parameters: CocoParameters = {}): CocoReport {
  const evaluation = new CocoAccumulator(parameters);
  evaluation.update(gt, dt);
  return evaluation.compute();
}

/**
 * COCO AP and AR with all instances made one category: CutLER's class-agnostic protocol.
 *
 * The category ids of the detections are not looked at. It is not pycocotools' `useCats = 0`, which gathers detections category
 * by category and so orders equal scores differently; for that one, `evaluateCoco(gt, dt, { useCategories: false })`.
 */
export function evaluateClassAgnostic(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  parameters: Omit<CocoParameters, 'useCategories'> = {},
): CocoReport {
  const pooled = withoutCategories(gt, dt);
  const report = evaluateCoco(pooled.gt, pooled.dt, parameters);
  return { ...report, protocol: 'coco-ap-class-agnostic' };
}

/**
 * COCO AP over a stream of images, or over shards that are merged.
 *
 * It keeps one row of matching bits per detection (about 60 bytes), never boxes or masks. An image must come whole, in one
 * update; the order of updates and merges does not matter.
 */
export class CocoAccumulator {
  readonly #parameters: Required<CocoParameters>;
  #categories: readonly CocoCategory[] | undefined;
  #parts: MatchedRows[] = [];
  #images = 0;

  constructor(parameters: CocoParameters = {}) {
    this.#parameters = resolveCocoParameters(parameters);
  }

  /** Adds the images of `gt` with their detections. @throws U2SegError `conflict` if the categories changed */
  update(gt: CocoGroundTruth, dt: CocoDetections): void {
    this.#agree(gt.categories);
    // what has no mask is no part of an evaluation of masks
    const scored = this.#parameters.iouType === 'segm' && dt.runs !== undefined ? maskedInstances(gt, dt) : { gt, dt };
    this.#parts.push(matchInstances(scored.gt, scored.dt, this.#parameters, false));
    this.#images += gt.images.length;
  }

  /** Adds what another accumulator has seen. */
  merge(other: CocoAccumulator): void {
    if (JSON.stringify(other.#parameters) !== JSON.stringify(this.#parameters)) {
      throw new U2SegError('conflict', 'CocoAccumulator.merge: both must have the same parameters.');
    }
    if (other.#categories !== undefined) this.#agree(other.#categories);
    this.#parts.push(...other.#parts);
    this.#images += other.#images;
  }

  /** Matches of everything seen: plain data, what a worker sends home. */
  get matches(): readonly MatchedRows[] {
    return this.#parts;
  }

  /**
   * Adds another accumulator's `matches`, made with the same parameters over `images` images.
   *
   * @throws U2SegError `conflict` if the categories differ, or the area ranges in number
   */
  addMatches(matches: readonly MatchedRows[], categories: readonly CocoCategory[], images: number): void {
    this.#agree(categories);
    const numAreas = this.#parameters.areaRanges.length;
    const cells = numAreas * (this.#parameters.useCategories ? categories.length : 1);
    if (matches.some((rows) => rows.numAreas !== numAreas || rows.positives.length !== cells)) {
      throw new U2SegError(
        'conflict',
        'CocoAccumulator.addMatches: the matches must be made with the same parameters.',
      );
    }
    this.#parts.push(...matches);
    this.#images += images;
  }

  compute(): CocoReport {
    const parameters = this.#parameters;
    const categories = parameters.useCategories ? (this.#categories ?? []) : [{ id: -1, name: 'object' }];
    const rows = concatenated(
      this.#parts,
      categories.length * parameters.areaRanges.length,
      parameters.areaRanges.length,
    );
    const curves = accumulateMatches(rows, categories.length, parameters);
    return {
      protocol: 'coco-ap',
      iouType: parameters.iouType,
      parameters,
      images: this.#images,
      stats: summarizeCoco(curves, parameters),
      perCategory: scoreCategories(curves, parameters, categories),
      curves,
    };
  }

  reset(): void {
    this.#parts = [];
    this.#images = 0;
    this.#categories = undefined;
  }

  #agree(categories: readonly CocoCategory[]): void {
    const known = this.#categories;
    if (known === undefined) this.#categories = categories;
    else if (known.length !== categories.length || known.some((category, i) => category.id !== categories[i]!.id)) {
      throw new U2SegError('conflict', 'CocoAccumulator: every part must have the same categories.');
    }
  }
}

/** One part as it is; several joined and put in the order of image ids, which decides ties between equal scores. */
function concatenated(parts: readonly MatchedRows[], numPositives: number, numAreas: number): MatchedRows {
  if (parts.length === 1) return parts[0]!;
  const n = parts.reduce((sum, part) => sum + part.length, 0);
  const imageId = new Float64Array(n);
  const source = new Int32Array(n);
  const row = new Int32Array(n);
  const positives = new Float64Array(numPositives);
  let at = 0;
  parts.forEach((part, p) => {
    imageId.set(part.imageId, at);
    for (let i = 0; i < part.length; i += 1, at += 1) {
      source[at] = p;
      row[at] = i;
    }
    for (let i = 0; i < numPositives; i += 1) positives[i]! += part.positives[i]!;
  });
  const order = identityOrder(n).sort((a, b) => imageId[a]! - imageId[b]! || a - b);
  const pick = <T extends Int32Array | Uint32Array | Float64Array>(
    out: T,
    column: (part: MatchedRows) => T,
    planes = 1,
  ): T => {
    for (let i = 0; i < n; i += 1) {
      const part = parts[source[order[i]!]!]!;
      const values = column(part);
      for (let plane = 0; plane < planes; plane += 1) {
        out[i * planes + plane] = values[row[order[i]!]! * planes + plane]!;
      }
    }
    return out;
  };
  return {
    length: n,
    imageId: pick(new Float64Array(n), (part) => part.imageId),
    category: pick(new Int32Array(n), (part) => part.category),
    score: pick(new Float64Array(n), (part) => part.score),
    rank: pick(new Int32Array(n), (part) => part.rank),
    matched: pick(new Uint32Array(n * numAreas), (part) => part.matched, numAreas),
    ignored: pick(new Uint32Array(n * numAreas), (part) => part.ignored, numAreas),
    detection: pick(new Int32Array(n), (part) => part.detection),
    matchedGt: undefined,
    positives,
    numAreas,
  };
}
