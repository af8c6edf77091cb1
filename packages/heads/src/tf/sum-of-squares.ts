import * as tf from '@tensorflow/tfjs-core';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/** Sum of the squares of all values, on native TensorFlow without a tensor of the squares. */
export function sumOfSquares(x: tf.Tensor): tf.Scalar {
  const kernels = tensorflowKernels();
  if (kernels === undefined) return tf.sum(tf.square(x)) as tf.Scalar;
  // TensorFlow's loss is half of it
  return tf.tidy(() => tf.mul(kernels.run('L2Loss', [x], { types: { T: 'float32' } }), 2) as tf.Scalar);
}
