import * as tf from '@tensorflow/tfjs-core';
import { takeBoxes, takeRows } from '../boxes/box-array.ts';
import { roiAlignBackward, roiAlignForward } from '../boxes/roi-align-kernel.ts';
import { rowCount, type MapLevel, type RoiAlignKernels, type RoiBatch } from './roi-batch.ts';

/** ROIAlign by this package's own typed-array kernel; it defines the result and runs on every backend. */
export const portableRoiAlign: RoiAlignKernels = {
  forward({ rows, levels }, rois, options) {
    const channels = rows.shape[1];
    const side = options.outputSize;
    const width = side * side * channels;
    const data = rows.dataSync() as Float32Array;
    const pooled = new Float32Array(rois.images.length * width);
    eachLevel(levels, rois, (level, regions, own) => {
      const { boxesXyxy, images } = regions;
      const size = { ...level, channels };
      const scaled = { ...options, spatialScale: level.spatialScale };
      const values = roiAlignForward(cellsOf(data, level, channels), size, boxesXyxy, images, scaled);
      own.forEach((row, i) => pooled.set(values.subarray(i * width, (i + 1) * width), row * width));
    });
    return { value: tf.tensor4d(pooled, [rois.images.length, side, side, channels]), saved: [] };
  },
  backward(dy, levels, rois, options) {
    const channels = dy.shape[3];
    const data = dy.dataSync() as Float32Array;
    const gradient = new Float32Array(rowCount(levels) * channels);
    eachLevel(levels, rois, (level, regions, own) => {
      const { boxesXyxy, images } = regions;
      const size = { ...level, channels };
      const scaled = { ...options, spatialScale: level.spatialScale };
      const values = takeRows(data, own, options.outputSize ** 2 * channels);
      roiAlignBackward(values, cellsOf(gradient, level, channels), size, boxesXyxy, images, scaled);
    });
    return tf.tensor2d(gradient, [rowCount(levels), channels]);
  },
};

/** Visits every map that has regions, with those regions and their rows among all. */
function eachLevel(
  levels: readonly MapLevel[],
  rois: RoiBatch,
  visit: (level: MapLevel, regions: RoiBatch, rows: readonly number[]) => void,
): void {
  for (const [index, level] of levels.entries()) {
    const own: number[] = [];
    for (let r = 0; r < rois.images.length; r += 1) if ((rois.levels?.[r] ?? 0) === index) own.push(r);
    if (own.length === 0) continue;
    const images = Int32Array.from(own, (row) => rois.images[row]!);
    visit(level, { boxesXyxy: takeBoxes(rois.boxesXyxy, own), images }, own);
  }
}

function cellsOf(data: Float32Array, { batch, height, width, firstRow }: MapLevel, channels: number): Float32Array {
  return data.subarray(firstRow * channels, (firstRow + batch * height * width) * channels);
}
