import * as tf from '@tensorflow/tfjs-core';
import { concatBoxes, takeBoxes, type BoxArray } from '../boxes/box-array.ts';
import { assignLevels } from '../boxes/level-assignment.ts';
import { gatherRows } from '../tf/gather-rows.ts';
import { roiAlign } from '../tf/roi-align.ts';

export interface PoolerOptions {
  /** Side of the pooled square, in bins. */
  readonly outputSize: number;
  /** Samples per bin and axis; 0 adapts to the region. */
  readonly samplingRatio: number;
}

/** Stride of the finest pyramid level, p2. */
const finestStride = 4;

/**
 * Pools every region from the pyramid level its size belongs to.
 *
 * @param pyramid - p2, p3, ... as [B, H, W, C], each half the size of the one before
 * @param boxesOfImages - [R_b, 4] input pixels, one array an image
 * @returns [sum R_b, outputSize, outputSize, C], images in order
 */
export function poolPyramid(
  pyramid: readonly tf.Tensor4D[],
  boxesOfImages: readonly BoxArray[],
  options: PoolerOptions,
): tf.Tensor4D {
  const boxes = concatBoxes(boxesOfImages);
  const images = Int32Array.from(boxesOfImages.flatMap((part, b) => Array.from({ length: part.length / 4 }, () => b)));
  const levels = assignLevels(boxes, 2, 1 + pyramid.length);
  const channels = pyramid[0]!.shape[3];
  const side = options.outputSize;
  const parts: tf.Tensor4D[] = [];
  const order = new Int32Array(images.length);
  let next = 0;
  for (const [level, maps] of pyramid.entries()) {
    const rows: number[] = [];
    for (let i = 0; i < levels.length; i += 1) if (levels[i] === level) rows.push(i);
    if (rows.length === 0) continue;
    for (const row of rows) order[row] = next++;
    const rois = { boxesXyxy: takeBoxes(boxes, rows), images: Int32Array.from(rows, (row) => images[row]!) };
    parts.push(roiAlign(maps, rois, { ...options, spatialScale: 1 / (finestStride * 2 ** level) }));
  }
  if (parts.length === 0) return tf.zeros([0, side, side, channels]);
  if (parts.length === 1) return parts[0]!;
  const flat = tf.concat(parts.map((part) => tf.reshape(part, [part.shape[0], side * side * channels])));
  return tf.reshape(gatherRows(flat as tf.Tensor2D, order), [images.length, side, side, channels]);
}
