import * as tf from '@tensorflow/tfjs-core';
import { convGradients, convKernels, reluGradient, type ConvGeometry } from './convolution.ts';
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
    const mean = tf.div(channelSums(x), count) as tf.Tensor1D;
    const centred = tf.sub(x, mean);
    const biased = tf.div(channelSums(tf.square(centred)), count) as tf.Tensor1D;
    const inverse = tf.rsqrt(tf.add(biased, normEpsilon)) as tf.Tensor1D;
    const value = tf.add(tf.mul(centred, tf.mul(inverse, scale)), offset) as tf.Tensor4D;
    const variance = tf.mul(biased, count / Math.max(count - 1, 1)) as tf.Tensor1D;
    return { value, mean, variance, saved: [mean, inverse] };
  },
  backward(dy, x, scale, [mean, inverse]) {
    const count = x.size / x.shape[3];
    const normalized = tf.mul(tf.sub(x, mean!), inverse!);
    const offsetGradient = channelSums(dy);
    const scaleGradient = channelSums(tf.mul(dy, normalized));
    const centredDy = tf.sub(
      tf.sub(dy, tf.div(offsetGradient, count)),
      tf.mul(normalized, tf.div(scaleGradient, count)),
    );
    const inputGradient = tf.mul(centredDy, tf.mul(scale, inverse!)) as tf.Tensor4D;
    return { x: inputGradient, scale: scaleGradient, offset: offsetGradient };
  },
};

/**
 * Sum over B, H and W in two stages of short sums. One long float32 sum loses two digits more, and a deep network with
 * batch statistics amplifies that into gradients that are off by several per cent.
 */
function channelSums(x: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.sum(x, 2), [0, 1]) as tf.Tensor1D;
}

/**
 * Batch normalization by TensorFlow's fused kernels. The statistics are taken by {@link channelSums}, because those the
 * fused kernel takes in training mode are long sums; the kernel then only normalizes.
 */
function tensorflowBatchNorm(kernels: TensorflowKernels): BatchNormKernels {
  const attributes = (training: boolean): KernelAttributes => ({
    types: { T: 'float32', U: 'float32' },
    floats: { epsilon: normEpsilon },
    bools: { is_training: training },
    strings: { data_format: 'NHWC' },
  });
  return {
    forward(x, scale, offset) {
      const count = x.size / x.shape[3];
      const mean = tf.div(channelSums(x), count) as tf.Tensor1D;
      const biased = tf.div(channelSums(tf.squaredDifference(x, mean)), count) as tf.Tensor1D;
      const [value] = kernels.runMany('FusedBatchNormV3', [x, scale, offset, mean, biased], attributes(false), 6);
      const variance = tf.mul(biased, count / Math.max(count - 1, 1)) as tf.Tensor1D;
      return { value: value as tf.Tensor4D, mean, variance, saved: [mean, biased] };
    },
    backward(dy, x, scale, [mean, biased]) {
      const [dx, dScale, dOffset] = kernels.runMany(
        'FusedBatchNormGradV3',
        [dy, x, scale, mean!, biased!, tf.tensor1d([])],
        attributes(true),
        5,
      );
      return { x: dx as tf.Tensor4D, scale: dScale as tf.Tensor1D, offset: dOffset as tf.Tensor1D };
    },
  };
}

/**
 * Convolution without bias, batch normalization with the batch's statistics, and optional ReLU, as one differentiable
 * operation.
 *
 * @param onStatistics - receives the batch's statistics for the running averages, and over how many values a channel
 */
export function convBatchNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  geometry: ConvGeometry,
  activation: 'relu' | 'linear',
  onStatistics: (statistics: BatchStatistics, count: number) => void,
): tf.Tensor4D {
  const conv = convKernels();
  const norm = batchNormKernels();
  const operation = tf.customGrad((...all) => {
    const save = all.pop() as unknown as tf.GradSaveFunc;
    const [input, filter, gamma, beta] = all as tf.Tensor[] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    const convolved = conv.forward(input, filter, geometry);
    const normed = norm.forward(convolved, gamma, beta);
    const statistics = { mean: tf.keep(tf.clone(normed.mean)), variance: tf.keep(tf.clone(normed.variance)) };
    onStatistics(statistics, convolved.size / convolved.shape[3]);
    const value = activation === 'relu' ? tf.relu(normed.value) : normed.value;
    const kept = [input, filter, convolved, gamma, ...normed.saved];
    save(activation === 'relu' ? [...kept, value] : kept);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const [sx, sw, sz, sg] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor1D];
        const inner = activation === 'relu' ? reluGradient(dy, saved.at(-1)!) : dy;
        const state = saved.slice(4, 4 + normed.saved.length);
        const gradients = norm.backward(inner as tf.Tensor4D, sz, sg, state);
        return [...convGradients(conv, gradients.x, sx, sw, geometry), gradients.scale, gradients.offset];
      });
    return { value, gradFunc };
  });
  return operation(x, weight, scale, offset) as tf.Tensor4D;
}
