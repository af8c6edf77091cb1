import { decodeMask, U2SegError, type BboxXywh, type RgbImage, type Rle, type Segment } from '@u2seg/core';
import { semanticIgnore } from '../merge/merge-panoptic.ts';
import type { TrainingExample } from './training-set.ts';

/** One annotated thing or stuff region, as a COCO instances or panoptic file has it. */
export interface AnnotatedRegion {
  readonly categoryId: number;
  readonly isThing: boolean;
  readonly mask?: Rle;
  /** Input pixels, as annotated. */
  readonly bboxXywh: BboxXywh;
  /** A group: no single object. */
  readonly isCrowd: boolean;
}

/** Category ids in the order of the network's classes. */
export interface AnnotatedClasses {
  readonly things: readonly number[];
  /** Empty: no semantic target is made. */
  readonly stuff: readonly number[];
}

/**
 * A training example from human annotations, for supervised fine-tuning.
 *
 * 1. things become instances, but crowds and empty masks, which detectron2 leaves out too;
 * 2. the semantic target is unknown (255) where nothing is annotated, 0 on things and crowds, `1 + index` on stuff; where
 *    regions overlap, the later one in the list.
 *
 * @throws U2SegError `not-found` for a category that is not in `classes`; `wrong-usage` for a region without a mask
 */
export function annotatedExample(
  image: RgbImage,
  regions: readonly AnnotatedRegion[],
  classes: AnnotatedClasses,
  name: string,
): TrainingExample {
  const instances: Segment[] = [];
  const semantic = new Uint8Array(image.height * image.width).fill(semanticIgnore);
  for (const { categoryId, isThing, mask, bboxXywh, isCrowd } of regions) {
    const order = isThing ? classes.things : classes.stuff;
    if (!isThing && order.length === 0) continue;
    const index = order.indexOf(categoryId);
    if (index < 0) {
      const kind = isThing ? 'things' : 'stuff';
      throw new U2SegError(
        'not-found',
        `annotatedExample: ${name}: category ${categoryId} is not one of the ${order.length} ${kind}.`,
      );
    }
    if (mask === undefined) {
      throw new U2SegError('wrong-usage', `annotatedExample: ${name}: a region of category ${categoryId} has no mask.`);
    }
    const { data } = decodeMask(mask);
    let area = 0;
    for (let p = 0; p < data.length; p += 1) {
      if (data[p] === 0) continue;
      area += 1;
      semantic[p] = isThing ? 0 : 1 + index;
    }
    if (isThing && !isCrowd && area > 0) instances.push({ mask, bboxXywh, area, score: 1, clusterId: index });
  }
  return { image, instances, name, ...(classes.stuff.length > 0 && { semantic }) };
}
