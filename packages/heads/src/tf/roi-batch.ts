import type * as tf from '@tensorflow/tfjs-core';
import type { RoiAlignOptions } from './roi-align-kernel.ts';

/** Regions of a batch: boxes in input pixels, and the image each belongs to. */
export interface RoiBatch {
  /** [R, 4] */
  readonly boxesXyxy: Float32Array;
  /** [R] in [0, B) */
  readonly images: Int32Array;
}

/** Forward pass and gradient of ROIAlign on one backend's kernels. */
export interface RoiAlignKernels {
  /** [B, H, W, C] -> [R, outputSize, outputSize, C] */
  forward(maps: tf.Tensor4D, rois: RoiBatch, options: RoiAlignOptions): tf.Tensor4D;
  /** [R, outputSize, outputSize, C] -> [B, H, W, C] of shape `shape` */
  backward(
    dy: tf.Tensor4D,
    shape: [number, number, number, number],
    rois: RoiBatch,
    options: RoiAlignOptions,
  ): tf.Tensor4D;
}
