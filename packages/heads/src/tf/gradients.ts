import * as tf from '@tensorflow/tfjs-core';
import { engineGradients } from './engine-gradients.ts';

/**
 * Registers the gradients of the elementary kernels this package differentiates through, where none is registered.
 *
 * `@tensorflow/tfjs-core` ships its gradients only with the union package, which the wasm and cpu backends do not pull
 * in. Everything heavy (convolution, normalization, pooling, losses) has its gradient beside its forward formulation.
 */
export function registerMissingGradients(): void {
  for (const config of engineGradients) {
    if (tf.getGradient(config.kernelName) === undefined || tf.getGradient(config.kernelName) === null) {
      tf.registerGradient(config);
    }
  }
}
