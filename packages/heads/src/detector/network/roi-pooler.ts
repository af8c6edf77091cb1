import type * as tf from '@tensorflow/tfjs-core';
import { concatBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { assignLevels } from '../../boxes/level-assignment.ts';
import { toFloat32 } from '../../tf/bfloat16.ts';
import { roiAlignRows } from '../../tf/roi-align.ts';
import { mapRows, type MapRows, type PoolingOptions } from '../../tf/roi-batch.ts';

/** Stride of the finest pyramid level, p2. */
const finestStride = 4;

/** Levels regions are pooled from: p2 to p5. */
const pooledLevels = 4;

/** The cells of p2, p3, ... [B, H, W, C], each half the size of the one before, as one table. */
export function pyramidRows(pyramid: readonly tf.Tensor4D[]): MapRows {
  const maps = pyramid.map(toFloat32);
  return mapRows(
    maps,
    maps.map((_, level) => 1 / (finestStride * 2 ** level)),
  );
}

/**
 * Pools every region from the pyramid level its size belongs to.
 *
 * @param boxesOfImages - [R_b, 4] input pixels, one array an image
 * @returns [sum R_b, outputSize, outputSize, C], images in order
 */
export function poolPyramid(maps: MapRows, boxesOfImages: readonly BoxArray[], options: PoolingOptions): tf.Tensor4D {
  const boxesXyxy = concatBoxes(boxesOfImages);
  const images = Int32Array.from(boxesOfImages.flatMap((part, b) => Array.from({ length: part.length / 4 }, () => b)));
  const levels = assignLevels(boxesXyxy, 2, 1 + Math.min(maps.levels.length, pooledLevels));
  return roiAlignRows(maps, { boxesXyxy, images, levels }, options);
}
