import * as tf from '@tensorflow/tfjs-core';

/**
 * Divides by the Euclidean length along the last axis, at least `epsilon`. A zero vector stays zero, and the length
 * has gradient zero there (as torch defines it).
 */
export function normalizeChannels<T extends tf.Tensor>(x: T, epsilon = 1e-12): T {
  const operation = tf.customGrad((input, save) => {
    const length = tf.maximum(tf.sqrt(tf.sum(tf.square(input as tf.Tensor), -1, true)), epsilon);
    const value = tf.div(input as tf.Tensor, length);
    (save as tf.GradSaveFunc)([value, length]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor =>
      tf.tidy(() => {
        const [unit, size] = saved as [tf.Tensor, tf.Tensor];
        const along = tf.mul(tf.sum(tf.mul(dy, unit), -1, true), tf.cast(tf.greater(size, epsilon), 'float32'));
        return tf.div(tf.sub(dy, tf.mul(unit, along)), size);
      });
    return { value, gradFunc };
  });
  return operation(x) as T;
}
