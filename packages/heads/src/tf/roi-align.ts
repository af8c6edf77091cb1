import * as tf from '@tensorflow/tfjs-core';
import type { RoiAlignOptions } from '../boxes/roi-align-kernel.ts';
import { portableRoiAlign } from './roi-align-portable.ts';
import { tensorflowRoiAlign } from './roi-align-tensorflow.ts';
import { mapRows, type MapRows, type PoolingOptions, type RoiAlignKernels, type RoiBatch } from './roi-batch.ts';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/** ROIAlign of the current backend: TensorFlow's sparse product where it runs, else {@link portableRoiAlign}. */
export function roiAlignKernels(): RoiAlignKernels {
  const kernels = tensorflowKernels();
  return kernels === undefined ? portableRoiAlign : tensorflowRoiAlign(kernels);
}

/**
 * ROIAlign (aligned) of regions on one feature map, differentiable in the map.
 *
 * A side of zero or negative length gives zeros when `samplingRatio` is 0 (no samples), and the sampled values
 * otherwise; samples within one cell of the map's edge are clamped to it, samples farther out count as zero.
 *
 * [B, H, W, C] -> [R, outputSize, outputSize, C]
 */
export function roiAlign(
  maps: tf.Tensor4D,
  rois: RoiBatch,
  { spatialScale, ...options }: RoiAlignOptions,
): tf.Tensor4D {
  return roiAlignRows(mapRows([maps], [spatialScale]), rois, options);
}

/** {@link roiAlign} of regions on several maps, each on the one it names; differentiable in the rows. */
export function roiAlignRows(maps: MapRows, rois: RoiBatch, options: PoolingOptions): tf.Tensor4D {
  const side = options.outputSize;
  if (rois.images.length === 0) return tf.zeros([0, side, side, maps.rows.shape[1]]);
  const kernels = roiAlignKernels();
  const { levels } = maps;
  const operation = tf.customGrad((input, save) => {
    const { value, saved } = kernels.forward({ rows: input as tf.Tensor2D, levels }, rois, options);
    (save as tf.GradSaveFunc)(saved);
    const gradFunc = (dy: tf.Tensor, kept: tf.Tensor[]): tf.Tensor =>
      tf.tidy(() => kernels.backward(dy as tf.Tensor4D, levels, rois, options, kept));
    return { value, gradFunc };
  });
  return operation(maps.rows) as tf.Tensor4D;
}
