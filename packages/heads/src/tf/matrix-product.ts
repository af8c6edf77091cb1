import * as tf from '@tensorflow/tfjs-core';
import type { Precision } from './precision.ts';
import { tensorflowKernels, type TensorflowKernels } from './tensorflow-kernels.ts';

/** Differentiable product in the given precision: [N, I] x [I, O] -> [N, O] */
export function matrixProduct(x: tf.Tensor2D, weight: tf.Tensor2D, precision: Precision = 'float32'): tf.Tensor2D {
  const kernels = precision === 'bfloat16' ? tensorflowKernels() : undefined;
  if (kernels === undefined) return tf.matMul(x, weight);
  const operation = tf.customGrad((input, filter, save) => {
    (save as unknown as tf.GradSaveFunc)([input as tf.Tensor, filter as tf.Tensor]);
    return {
      value: product(kernels, input as tf.Tensor, filter as tf.Tensor, false, false),
      gradFunc: (dy: tf.Tensor, [sx, sw]: tf.Tensor[]) =>
        tf.tidy(() => [product(kernels, dy, sw!, false, true), product(kernels, sx!, dy, true, false)]),
    };
  });
  return operation(x, weight) as tf.Tensor2D;
}

function product(
  kernels: TensorflowKernels,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
): tf.Tensor {
  const bools = { transpose_a: transposeA, transpose_b: transposeB };
  return kernels.runBfloat16('MatMul', [a, b], { bools });
}
