import * as tf from '@tensorflow/tfjs-core';
import { sumOfSquares } from '@u2seg/heads/internal';

/** Keeps the division finite for a gradient of zeros; torch's `clip_grad_norm_`. */
const clipEpsilon = 1e-6;

/**
 * Scales one parameter's gradient down to L2 norm `maxNorm`.
 *
 * detectron2's `CLIP_TYPE: norm` clips every parameter on its own, not the gradient as a whole, and before weight decay and
 * momentum. Nothing is read back from the device.
 */
export function clipGradient(gradient: tf.Tensor, maxNorm: number): tf.Tensor {
  return tf.tidy(() => {
    const norm = tf.sqrt(sumOfSquares(gradient));
    const factor = tf.minimum(tf.div(maxNorm, tf.add(norm, clipEpsilon)), 1);
    return tf.mul(gradient, factor);
  });
}
