import * as tf from '@tensorflow/tfjs-core';
import { toBfloat16, toFloat32 } from './bfloat16.ts';
import { bfloat16Product } from './bfloat16-products.ts';
import type { Precision } from './precision.ts';
import { tensorflowKernels, type TensorflowKernels } from './tensorflow-kernels.ts';

/**
 * Differentiable product in the given precision: [N, I] x [I, O] -> [N, O]
 *
 * @param result - type of the result; bfloat16 is not differentiable
 */
export function matrixProduct(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  precision: Precision = 'float32',
  result: Precision = 'float32',
): tf.Tensor2D {
  const kernels = precision === 'bfloat16' ? tensorflowKernels() : undefined;
  if (kernels === undefined) return tf.matMul(toFloat32(x), weight);
  if (result === 'bfloat16') return product(kernels, x, weight, false, false) as tf.Tensor2D;
  const operation = tf.customGrad((input, filter, save) => {
    (save as unknown as tf.GradSaveFunc)([input as tf.Tensor, filter as tf.Tensor]);
    return {
      value: toFloat32(product(kernels, input as tf.Tensor, filter as tf.Tensor, false, false)),
      gradFunc: (dy: tf.Tensor, [sx, sw]: tf.Tensor[]) =>
        tf.tidy(() => {
          const shared = toBfloat16(dy);
          return [
            toFloat32(product(kernels, shared, sw!, false, true)),
            toFloat32(product(kernels, sx!, shared, true, false)),
          ];
        }),
    };
  });
  return operation(x, weight) as tf.Tensor2D;
}

/** The product in bfloat16. */
function product(
  kernels: TensorflowKernels,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
): tf.Tensor {
  const bools = { transpose_a: transposeA, transpose_b: transposeB };
  return tf.tidy(() => bfloat16Product(kernels, 'MatMul', [a, b], { bools }));
}
