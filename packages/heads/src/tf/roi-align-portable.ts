import * as tf from '@tensorflow/tfjs-core';
import { roiAlignBackward, roiAlignForward, type MapSize } from './roi-align-kernel.ts';
import type { RoiAlignKernels } from './roi-batch.ts';

/** ROIAlign by this package's own typed-array kernel; it defines the result and runs on every backend. */
export const portableRoiAlign: RoiAlignKernels = {
  forward(maps, rois, options) {
    const pooled = roiAlignForward(
      maps.dataSync() as Float32Array,
      mapSize(maps.shape),
      rois.boxesXyxy,
      rois.images,
      options,
    );
    const side = options.outputSize;
    return tf.tensor4d(pooled, [rois.images.length, side, side, maps.shape[3]]);
  },
  backward(dy, shape, rois, options) {
    const gradient = new Float32Array(shape[0] * shape[1] * shape[2] * shape[3]);
    roiAlignBackward(dy.dataSync() as Float32Array, gradient, mapSize(shape), rois.boxesXyxy, rois.images, options);
    return tf.tensor4d(gradient, shape);
  },
};

function mapSize(shape: readonly number[]): MapSize {
  return { height: shape[1]!, width: shape[2]!, channels: shape[3]! };
}
