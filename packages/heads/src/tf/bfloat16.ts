/** Operations on tensors that may be bfloat16, for what lies between two products of that type. Only float32 is differentiable. */
import * as tf from '@tensorflow/tfjs-core';
import { floatType, isBfloat16, tensorflowKernels, type TensorflowKernels } from './tensorflow-kernels.ts';

/** The same values rounded to bfloat16; needs native TensorFlow. */
export function toBfloat16<T extends tf.Tensor>(x: T): T {
  return isBfloat16(x) ? x : (native().cast(x, 'float32', 'bfloat16') as T);
}

/** The same values as float32 numbers, exactly. */
export function toFloat32<T extends tf.Tensor>(x: T): T {
  return isBfloat16(x) ? (native().cast(x, 'bfloat16', 'float32') as T) : x;
}

/** `a + b`, broadcast, in the type of `a`. */
export function add<T extends tf.Tensor>(a: T, b: tf.Tensor): T {
  if (!isBfloat16(a)) return tf.add(a, toFloat32(b));
  return native().run('AddV2', [a, toBfloat16(b)], { types: { T: 'bfloat16' } }) as T;
}

/** `max(x, 0)` in the type of `x`. */
export function positive<T extends tf.Tensor>(x: T): T {
  return isBfloat16(x) ? (native().run('Relu', [x], { types: { T: 'bfloat16' } }) as T) : tf.relu(x);
}

/** The same values in another shape, in the type of `x`. */
export function reshape(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (!isBfloat16(x)) return tf.reshape(x, [...shape]);
  const types = { T: floatType(x), Tshape: 'int32' } as const;
  return native().run('Reshape', [x, tf.tensor1d([...shape], 'int32')], { types });
}

function native(): TensorflowKernels {
  return tensorflowKernels()!;
}
