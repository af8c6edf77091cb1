import * as tf from '@tensorflow/tfjs-core';
import { normEpsilon } from './batch-norm.ts';
import { reluGradient } from './convolution.ts';

/**
 * Group normalization over channels-last maps with per-channel scale and offset and optional ReLU, as one
 * differentiable operation: every reduction is per image and channel first, then per group, so no rank-5 tensor is made.
 *
 * [B, H, W, C] -> [B, H, W, C]; `groups` divides C.
 */
export function groupNorm(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  groups: number,
  activation: 'relu' | 'linear' = 'linear',
): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const perGroup = (height * width * channels) / groups;
  /** [B, C] -> [B, 1, 1, C]: the group's sum divided by its element count, repeated for its channels. */
  const groupMean = (perChannel: tf.Tensor): tf.Tensor4D => {
    const summed = tf.sum(tf.reshape(perChannel, [batch, groups, channels / groups]), 2, true);
    const repeated = tf.tile(tf.div(summed, perGroup), [1, 1, channels / groups]);
    return tf.reshape(repeated, [batch, 1, 1, channels]) as tf.Tensor4D;
  };

  const operation = tf.customGrad((...all) => {
    const save = all.pop() as unknown as tf.GradSaveFunc;
    const [input, gamma, beta] = all as tf.Tensor[] as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    const mean = groupMean(tf.sum(input, [1, 2]));
    const centred = tf.sub(input, mean);
    const inverse = tf.rsqrt(tf.add(groupMean(tf.sum(tf.square(centred), [1, 2])), normEpsilon)) as tf.Tensor4D;
    const normed = tf.add(tf.mul(centred, tf.mul(inverse, gamma)), beta);
    const value = activation === 'relu' ? tf.relu(normed) : normed;
    save(activation === 'relu' ? [input, gamma, mean, inverse, value] : [input, gamma, mean, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const [sx, sGamma, sMean, sInverse, sy] = saved as tf.Tensor4D[];
        const inner = sy === undefined ? dy : reluGradient(dy, sy);
        const normalized = tf.mul(tf.sub(sx!, sMean!), sInverse!);
        const perChannel = tf.sum(inner, [1, 2]);
        const perChannelNormalized = tf.sum(tf.mul(inner, normalized), [1, 2]);
        const first = groupMean(tf.mul(perChannel, sGamma!));
        const second = groupMean(tf.mul(perChannelNormalized, sGamma!));
        const scaled = tf.sub(tf.sub(tf.mul(inner, sGamma!), first), tf.mul(normalized, second));
        return [tf.mul(scaled, sInverse!), tf.sum(perChannelNormalized, 0), tf.sum(perChannel, 0)];
      });
    return { value, gradFunc };
  });
  return operation(x, scale, offset) as tf.Tensor4D;
}
