import { assertRle, U2SegError, type BboxXywh, type Rle } from '@u2seg/core';
import { packMasks, type RunTable } from './run-table.ts';

/** One image of a data set. */
export interface CocoImage {
  readonly id: number;
  /** Pixels; 0, as the width, where the file does not say. */
  readonly height: number;
  readonly width: number;
  readonly fileName: string;
}

/** One category of a data set. */
export interface CocoCategory {
  readonly id: number;
  readonly name: string;
}

/** Ground-truth instances as columns of equal length. */
export interface GroundTruthColumns {
  readonly length: number;
  /** Annotation ids, as the file has them. */
  readonly ids: Float64Array;
  /** Index into `images`. */
  readonly imageIndex: Int32Array;
  /** Index into `categories`. */
  readonly categoryIndex: Int32Array;
  /** [length, 4] in input pixels. */
  readonly bboxXywh: Float64Array;
  /** Area as the file states it, else the mask's or the box's; it decides small, medium and large. */
  readonly area: Float64Array;
  /** 1 for a crowd region: matched any number of times, never missed. */
  readonly crowd: Uint8Array;
  /** The masks, rasterised at the first call and kept. */
  readonly runs: () => RunTable;
}

/** Ground truth of a data set; `images` and `categories` are sorted by id. */
export interface CocoGroundTruth {
  readonly images: readonly CocoImage[];
  readonly categories: readonly CocoCategory[];
  readonly annotations: GroundTruthColumns;
  /** Whole sentences on what the file lacked and what was taken instead. */
  readonly notes?: readonly string[];
}

/** Detections as columns of equal length, in the order given (ties between equal scores keep it). */
export interface CocoDetections {
  readonly length: number;
  /** Index into the ground truth's `images`. */
  readonly imageIndex: Int32Array;
  /** Index into the ground truth's `categories`; -1 for detections that only class-agnostic evaluation can score. */
  readonly categoryIndex: Int32Array;
  /** [length, 4] in input pixels. */
  readonly bboxXywh: Float64Array;
  readonly score: Float64Array;
  /** Absent when the detections have boxes only. */
  readonly runs: RunTable | undefined;
}

/** A ground-truth instance given as an object. */
export interface GroundTruthInstance {
  readonly imageId: number;
  readonly categoryId: number;
  readonly bboxXywh: BboxXywh;
  readonly mask?: Rle;
  /** Defaults to the mask's pixels, else to the box's area. */
  readonly area?: number;
  readonly crowd?: boolean;
  /** Defaults to the position + 1. */
  readonly id?: number;
}

/** A detection given as an object. */
export interface DetectedInstance {
  readonly imageId: number;
  readonly categoryId: number;
  readonly bboxXywh: BboxXywh;
  readonly mask?: Rle;
  readonly score: number;
}

/**
 * Ground truth from objects in memory, for callers that have no COCO JSON file.
 *
 * @throws U2SegError `not-found` for an unknown image or category, `conflict` for an id that occurs twice, `out-of-range` for a box
 *   that is not finite, `bad-format` for run lengths that do not add up, `shape-mismatch` for a mask of another size than its image
 */
export function groundTruthFrom(
  images: readonly CocoImage[],
  categories: readonly CocoCategory[],
  instances: readonly GroundTruthInstance[],
): CocoGroundTruth {
  const sortedImages = sortedById('groundTruthFrom: images', images);
  const sortedCategories = sortedById('groundTruthFrom: categories', categories);
  const imageAt = indexById(sortedImages);
  const categoryAt = indexById(sortedCategories);
  const n = instances.length;
  instances.forEach((one, i) =>
    assertInstance(`groundTruthFrom: instance ${i}`, one, sortedImages[imageAt.get(one.imageId)!]),
  );
  const withMasks = n > 0 && instances.every((one) => one.mask !== undefined);
  const runs = withMasks ? packMasks(instances.map((one) => one.mask!)) : undefined;
  const bboxXywh = new Float64Array(4 * n);
  const area = new Float64Array(n);
  instances.forEach((one, i) => {
    bboxXywh.set(one.bboxXywh, 4 * i);
    area[i] = one.area ?? runs?.areas[i] ?? one.bboxXywh[2] * one.bboxXywh[3];
  });
  return {
    images: sortedImages,
    categories: sortedCategories,
    annotations: {
      length: n,
      ids: Float64Array.from(instances, (one, i) => one.id ?? i + 1),
      imageIndex: Int32Array.from(instances, (one, i) => found(imageAt, one.imageId, 'groundTruthFrom', i, 'imageId')),
      categoryIndex: Int32Array.from(instances, (one, i) =>
        found(categoryAt, one.categoryId, 'groundTruthFrom', i, 'categoryId'),
      ),
      bboxXywh,
      area,
      crowd: Uint8Array.from(instances, (one) => (one.crowd === true ? 1 : 0)),
      runs: () => {
        if (runs === undefined && n > 0) {
          throw new U2SegError('wrong-usage', 'groundTruthFrom: iouType segm wants a mask in every instance.');
        }
        return runs ?? packMasks([]);
      },
    },
  };
}

/**
 * Detections from objects in memory.
 *
 * @throws U2SegError as {@link groundTruthFrom}, and `out-of-range` for a score that is NaN
 */
export function detectionsFrom(gt: CocoGroundTruth, instances: readonly DetectedInstance[]): CocoDetections {
  const imageAt = indexById(gt.images);
  const categoryAt = indexById(gt.categories);
  const n = instances.length;
  const bboxXywh = new Float64Array(4 * n);
  instances.forEach((one, i) => {
    bboxXywh.set(one.bboxXywh, 4 * i);
    const where = `detectionsFrom: instance ${i}`;
    if (Number.isNaN(one.score)) throw new U2SegError('out-of-range', `${where}: score must be a number, got NaN.`);
    assertInstance(where, one, gt.images[imageAt.get(one.imageId)!]);
  });
  const withMasks = instances.every((one) => one.mask !== undefined);
  return {
    length: n,
    imageIndex: Int32Array.from(instances, (one, i) => found(imageAt, one.imageId, 'detectionsFrom', i, 'imageId')),
    categoryIndex: Int32Array.from(instances, (one, i) =>
      found(categoryAt, one.categoryId, 'detectionsFrom', i, 'categoryId'),
    ),
    bboxXywh,
    score: Float64Array.from(instances, (one) => one.score),
    runs: withMasks ? packMasks(instances.map((one) => one.mask!)) : undefined,
  };
}

/** The same instances with one category, id 1: what class-agnostic evaluation scores. */
export function withOneCategory<T extends { readonly length: number; readonly categoryIndex: Int32Array }>(
  columns: T,
): T {
  return { ...columns, categoryIndex: new Int32Array(columns.length) };
}

/** Ground truth and detections of one category, id 1, for class-agnostic evaluation. */
export function withoutCategories(
  gt: CocoGroundTruth,
  dt: CocoDetections,
): { readonly gt: CocoGroundTruth; readonly dt: CocoDetections } {
  const categories = [{ id: 1, name: 'object' }];
  return { gt: { ...gt, categories, annotations: withOneCategory(gt.annotations) }, dt: withOneCategory(dt) };
}

/** Sorted by id. @throws U2SegError `conflict` for an id that occurs twice */
export function sortedById<T extends { readonly id: number }>(where: string, items: readonly T[]): readonly T[] {
  const sorted = [...items].sort((a, b) => a.id - b.id);
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i]!.id === sorted[i - 1]!.id) {
      throw new U2SegError('conflict', `${where}: id ${sorted[i]!.id} occurs twice.`);
    }
  }
  return sorted;
}

export function indexById(items: readonly { readonly id: number }[]): Map<number, number> {
  return new Map(items.map((item, index) => [item.id, index]));
}

/** @param image - undefined where it is unknown, which is complained of later */
function assertInstance(
  where: string,
  { bboxXywh, mask }: { readonly bboxXywh: BboxXywh; readonly mask?: Rle },
  image: CocoImage | undefined,
): void {
  if (!bboxXywh.every(Number.isFinite) || bboxXywh[2] < 0 || bboxXywh[3] < 0) {
    throw new U2SegError(
      'out-of-range',
      `${where}: bboxXywh must be finite, of width and height 0 or more, got ${bboxXywh.join(', ')}.`,
    );
  }
  if (mask === undefined) return;
  assertRle(`${where}: mask`, mask);
  if (image !== undefined && image.height > 0 && (mask.height !== image.height || mask.width !== image.width)) {
    throw new U2SegError(
      'shape-mismatch',
      `${where}: mask must be ${image.height} x ${image.width}, the size of image ${image.id}, got ${mask.height} x ${mask.width}.`,
    );
  }
}

function found(at: Map<number, number>, id: number, where: string, row: number, field: string): number {
  const index = at.get(id);
  if (index === undefined) {
    throw new U2SegError('not-found', `${where}: instance ${row}: ${field} ${id} is not in the ground truth.`);
  }
  return index;
}
