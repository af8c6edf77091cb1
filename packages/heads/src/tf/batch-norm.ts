import * as tf from '@tensorflow/tfjs-core';
import { convKernels, reluGradient, type ConvGeometry } from './convolution.ts';
import { tensorflowKernels, type KernelAttributes, type TensorflowKernels } from './tensorflow-kernels.ts';

/** Stabilizer of every normalization layer in detectron2 and torch. */
export const normEpsilon = 1e-5;

/** Mean and unbiased variance of one batch, [C] each; the receiver disposes them. */
export interface BatchStatistics {
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

/** What a batch-normalization kernel pair must do; statistics run over B, H and W. */
export interface BatchNormKernels {
  forward(x: tf.Tensor4D, scale: tf.Tensor1D, offset: tf.Tensor1D): BatchNormForward;
  backward(dy: tf.Tensor4D, x: tf.Tensor4D, scale: tf.Tensor1D, saved: readonly tf.Tensor[]): BatchNormGradients;
}

export interface BatchNormForward extends BatchStatistics {
  readonly value: tf.Tensor4D;
  /** What `backward` needs beyond x and scale. */
  readonly saved: readonly tf.Tensor[];
}

export interface BatchNormGradients {
  readonly x: tf.Tensor4D;
  readonly scale: tf.Tensor1D;
  readonly offset: tf.Tensor1D;
}

/** Training-mode batch normalization of the current backend: TensorFlow's fused kernels, else {@link portableBatchNorm}. */
export function batchNormKernels(): BatchNormKernels {
  const kernels = tensorflowKernels();
  return kernels === undefined ? portableBatchNorm : tensorflowBatchNorm(kernels);
}

/** Batch normalization spelled out: y = (x - mean) / sqrt(var + epsilon) * scale + offset. */
export const portableBatchNorm: BatchNormKernels = {
  forward(x, scale, offset) {
    const count = x.size / x.shape[3];
    const mean = tf.mean(x, [0, 1, 2]) as tf.Tensor1D;
    const centred = tf.sub(x, mean);
    const biased = tf.mean(tf.square(centred), [0, 1, 2]) as tf.Tensor1D;
    const inverse = tf.rsqrt(tf.add(biased, normEpsilon)) as tf.Tensor1D;
    const value = tf.add(tf.mul(centred, tf.mul(inverse, scale)), offset) as tf.Tensor4D;
    const variance = tf.mul(biased, count / Math.max(count - 1, 1)) as tf.Tensor1D;
    return { value, mean, variance, saved: [mean, inverse] };
  },
  backward(dy, x, scale, [mean, inverse]) {
    const count = x.size / x.shape[3];
    const normalized = tf.mul(tf.sub(x, mean!), inverse!);
    const offsetGradient = tf.sum(dy, [0, 1, 2]) as tf.Tensor1D;
    const scaleGradient = tf.sum(tf.mul(dy, normalized), [0, 1, 2]) as tf.Tensor1D;
    const centredDy = tf.sub(
      tf.sub(dy, tf.div(offsetGradient, count)),
      tf.mul(normalized, tf.div(scaleGradient, count)),
    );
    const inputGradient = tf.mul(centredDy, tf.mul(scale, inverse!)) as tf.Tensor4D;
    return { x: inputGradient, scale: scaleGradient, offset: offsetGradient };
  },
};

function tensorflowBatchNorm(kernels: TensorflowKernels): BatchNormKernels {
  const attributes: KernelAttributes = {
    types: { T: 'float32', U: 'float32' },
    floats: { epsilon: normEpsilon },
    bools: { is_training: true },
    strings: { data_format: 'NHWC' },
  };
  return {
    forward(x, scale, offset) {
      const none = tf.tensor1d([]);
      const [value, mean, variance, ...saved] = kernels.runMany(
        'FusedBatchNormV3',
        [x, scale, offset, none, none],
        attributes,
        6,
      );
      return { value: value as tf.Tensor4D, mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D, saved };
    },
    backward(dy, x, scale, saved) {
      const [dx, dScale, dOffset] = kernels.runMany('FusedBatchNormGradV3', [dy, x, scale, ...saved], attributes, 5);
      return { x: dx as tf.Tensor4D, scale: dScale as tf.Tensor1D, offset: dOffset as tf.Tensor1D };
    },
  };
}

/**
 * Convolution without bias, batch normalization with the batch's statistics, and optional ReLU, as one differentiable
 * operation.
 *
 * @param onStatistics - receives the batch's statistics for the running averages
 */
export function convBatchNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  geometry: ConvGeometry,
  activation: 'relu' | 'linear',
  onStatistics: (statistics: BatchStatistics) => void,
): tf.Tensor4D {
  const conv = convKernels();
  const norm = batchNormKernels();
  const operation = tf.customGrad((...all) => {
    const save = all.pop() as unknown as tf.GradSaveFunc;
    const [input, filter, gamma, beta] = all as tf.Tensor[] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    const convolved = conv.forward(input, filter, geometry);
    const normed = norm.forward(convolved, gamma, beta);
    onStatistics({ mean: tf.keep(tf.clone(normed.mean)), variance: tf.keep(tf.clone(normed.variance)) });
    const value = activation === 'relu' ? tf.relu(normed.value) : normed.value;
    const kept = [input, filter, convolved, gamma, ...normed.saved];
    save(activation === 'relu' ? [...kept, value] : kept);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const [sx, sw, sz, sg] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor1D];
        const inner = activation === 'relu' ? reluGradient(dy, saved.at(-1)!) : dy;
        const state = saved.slice(4, 4 + normed.saved.length);
        const gradients = norm.backward(inner as tf.Tensor4D, sz, sg, state);
        return [
          conv.inputGradient(gradients.x, sw, sx.shape, geometry),
          conv.weightGradient(sx, gradients.x, sw.shape, geometry),
          gradients.scale,
          gradients.offset,
        ];
      });
    return { value, gradFunc };
  });
  return operation(x, weight, scale, offset) as tf.Tensor4D;
}
