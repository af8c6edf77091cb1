import * as tf from '@tensorflow/tfjs-core';
import { add, positive } from './bfloat16.ts';
import { reluGradient } from './convolution.ts';

/** ReLU that keeps only its output for the backward pass. */
export function relu<T extends tf.Tensor>(x: T): T {
  const operation = tf.customGrad((input, save) => {
    const value = positive(input as tf.Tensor);
    (save as tf.GradSaveFunc)([value]);
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => reluGradient(dy, saved[0]!)) };
  });
  return operation(x) as T;
}

/** `relu(a + b)` of two equal shapes as one operation; the end of a residual block. */
export function addRelu(a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  const operation = tf.customGrad((left, right, save) => {
    const value = positive(add(left as tf.Tensor, right as tf.Tensor));
    (save as unknown as tf.GradSaveFunc)([value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const gradient = reluGradient(dy, saved[0]!);
        return [gradient, tf.clone(gradient)];
      });
    return { value, gradFunc };
  });
  return operation(a, b) as tf.Tensor4D;
}

/** Identity whose gradient is multiplied by `factor`. */
export function scaleGradient<T extends tf.Tensor>(x: T, factor: number): T {
  const operation = tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, factor),
  }));
  return operation(x) as T;
}
