/** Small parameters are updated in plain JavaScript: twenty tensor operations on a bias cost more than its convolution. */
import * as tf from '@tensorflow/tfjs-core';

/** Values up to which a loop is faster than the tensor operations, which cost 25 us each on two cores. */
const maxHostValues = 2 ** 16;
/** Keeps the division finite for a gradient of zeros; torch's `clip_grad_norm_`. */
const clipEpsilon = 1e-6;

/** True for a small tensor whose values are in this machine's memory anyway. */
export function isOnHost(tensor: tf.Tensor): boolean {
  if (tensor.size > maxHostValues || tensor.dtype !== 'float32') return false;
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  return tf.getBackend() === 'tensorflow' ? isUsingGpuDevice === false : ['cpu', 'wasm'].includes(tf.getBackend());
}

/** A tensor's values; not to be changed, because other tensors may share them. */
export function hostValues(tensor: tf.Tensor): Float32Array {
  return tensor.dataSync() as Float32Array;
}

/** Gives a variable new values, which then belong to it. */
export function assignHostValues(variable: tf.Variable, values: Float32Array): void {
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}

/** Factor that scales a gradient down to L2 norm `maxNorm`, at most 1. */
export function hostClipFactor(gradient: Float32Array, maxNorm: number): number {
  if (!Number.isFinite(maxNorm)) return 1;
  let sum = 0;
  for (let i = 0; i < gradient.length; i += 1) sum += gradient[i]! * gradient[i]!;
  const factor = maxNorm / (Math.sqrt(sum) + clipEpsilon);
  // not Math.min: a gradient that is not finite must stay visible
  return factor > 1 ? 1 : factor;
}
