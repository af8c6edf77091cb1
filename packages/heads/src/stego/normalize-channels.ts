import * as tf from '@tensorflow/tfjs-core';

/**
 * Divides by the Euclidean length along the last axis, at least `epsilon`. A zero vector stays zero, with a zero
 * gradient of its length (as torch defines it).
 */
export function normalizeChannels<T extends tf.Tensor>(x: T, epsilon = 1e-12): T {
  const squares = tf.sum(tf.square(x), -1, true);
  return tf.div(x, tf.sqrt(tf.maximum(squares, epsilon * epsilon)));
}
