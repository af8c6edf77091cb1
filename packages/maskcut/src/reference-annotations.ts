import {
  assertImage,
  assertLength,
  encodeMask,
  rleArea,
  rleBbox,
  type BboxXywh,
  type RgbImage,
  type Rle,
} from '@u2seg/core';
import { cutlerCrfKernels } from './crf/crf-settings.ts';
import { DenseCrf } from './crf/dense-crf.ts';
import { fillHoles, maskIou } from './grid-mask.ts';

/**
 * Resizes a one-channel 8-bit image as `PIL.Image.resize((width, height))` does for mode L, which is antialiased bicubic.
 *
 * [height, width] -> [toHeight, toWidth]
 */
export type ResizeGray = (
  data: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
) => Uint8Array;

/** What CutLER's script makes of one mask. */
export interface ReferenceMask {
  /** [H, W] of the network's image, after the CRF. */
  readonly afterCrf: Uint8Array;
  /** [H, W], its holes filled. */
  readonly afterFill: Uint8Array;
  /** IoU of the mask before the CRF and after filling; NaN where both are empty, which drops nothing by itself. */
  readonly iouBeforeAfter: number;
  /** Whether that IoU is below 0.5. */
  readonly droppedByIou: boolean;
  /** At the size of the photo; undefined where dropped or empty. */
  readonly annotation: ReferenceAnnotation | undefined;
}

/** The parts of a COCO annotation that depend on the mask. */
export interface ReferenceAnnotation {
  readonly segmentation: Rle;
  readonly bboxXywh: BboxXywh;
  readonly area: number;
}

export interface ReferenceAnnotationOptions {
  /** Size of the photo; that of the network's image where absent. */
  readonly height?: number;
  readonly width?: number;
  /** Wanted wherever the photo's size is not the network image's. */
  readonly resizeMask: ResizeGray;
}

const minIou = 0.5;

/**
 * Refines the masks of `maskCutReference` and turns them into annotations as CutLER's `maskcut.py` does: CRF, hole filling,
 * the IoU test, resize to the photo, threshold at half of the maximum.
 *
 * @param image - the photo as the network saw it, [H, W]
 * @param masks - each [H, W], 0 or 1
 */
export function referenceAnnotations(
  image: RgbImage,
  masks: readonly Uint8Array[],
  options: ReferenceAnnotationOptions,
): ReferenceMask[] {
  assertImage('referenceAnnotations', image);
  const { height, width } = image;
  for (const mask of masks) assertLength('referenceAnnotations: masks', mask.length, [height, width]);
  const toHeight = options.height ?? height;
  const toWidth = options.width ?? width;
  using crf = new DenseCrf(image, cutlerCrfKernels);
  const refined = crf.refineMasks(masks);
  return masks.map((mask, i) => {
    const afterCrf = refined[i]!;
    const afterFill = fillHoles(afterCrf, height, width);
    const iouBeforeAfter = Math.fround(maskIou(mask, afterFill));
    const droppedByIou = iouBeforeAfter < minIou;
    const gray = droppedByIou ? new Uint8Array(afterFill.length) : afterFill.map((flag) => 255 * flag);
    const resized = options.resizeMask(gray, height, width, toHeight, toWidth);
    assertLength('referenceAnnotations: result of resizeMask', resized.length, [toHeight, toWidth]);
    const binary = aboveHalf(resized);
    const segmentation = encodeMask({ data: binary, height: toHeight, width: toWidth });
    const area = rleArea(segmentation);
    const annotation = area < 1 ? undefined : { segmentation, bboxXywh: rleBbox(segmentation), area };
    return { afterCrf, afterFill, iouBeforeAfter, droppedByIou, annotation };
  });
}

/** Above half the maximum becomes the maximum, the rest the minimum; what is not 0 then counts as 1. */
function aboveHalf(gray: Uint8Array): Uint8Array {
  let upper = 0;
  let lower = 255;
  for (const value of gray) {
    upper = Math.max(upper, value);
    lower = Math.min(lower, value);
  }
  return gray.map((value) => (value > upper / 2 || lower > 0 ? 1 : 0));
}
