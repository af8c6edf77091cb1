/** TensorFlow's products of bfloat16 operands, each sum in float32 and rounded once, on every processor. */
import * as tf from '@tensorflow/tfjs-core';
import { toBfloat16, toFloat32 } from './bfloat16.ts';
import type { ElementType, KernelAttributes, TensorflowKernels } from './tensorflow-kernels.ts';

export type ProductKernel = 'MatMul' | 'Conv2D' | 'Conv2DBackpropInput' | 'Conv2DBackpropFilter';

/**
 * A kernel on operands rounded to bfloat16; its result is bfloat16.
 *
 * Where the kernel of this processor rounds more than once (see {@link roundsOnce}), the rounded operands go through that of
 * float32, whose result is rounded. That is the same number but for the order of the sum, and faster than such a kernel.
 */
export function bfloat16Product(
  kernels: TensorflowKernels,
  name: ProductKernel,
  operands: readonly tf.Tensor[],
  attributes: Omit<KernelAttributes, 'types'>,
): tf.Tensor {
  const rounded = operands.map((x) => (x.dtype === 'float32' ? toBfloat16(x) : x));
  if (roundsOnce(kernels, name)) return kernels.run(name, rounded, { ...attributes, types: { T: 'bfloat16' } });
  return toBfloat16(kernels.run(name, rounded.map(toFloat32), { ...attributes, types: { T: 'float32' } }));
}

const probed = new Map<ProductKernel, boolean>();

/**
 * Whether the kernel adds in float32 and rounds to the nearest, found once per process. On x86 before AVX-512 TensorFlow 2.21
 * rounds parts of the sums in the gradients of convolutions (errors of up to 2 % instead of 0.3 %) and cuts off the results of
 * matrix products: of 1,062 ones they make 1,072, 1,024 and 1,056.
 */
export function roundsOnce(kernels: TensorflowKernels, name: ProductKernel): boolean {
  let found = probed.get(name);
  if (found === undefined) {
    found = tf.tidy(() =>
      toFloat32(sumOfOnes(kernels, name, 'bfloat16'))
        .dataSync()
        .includes(nearest),
    );
    probed.set(name, found);
  }
  return found;
}

/** 9 x 118 ones; about this number bfloat16 has every eighth, and the nearest is above. */
const channels = 118;
export const nearest = 1064;

/** A product whose sums are of at most 9 * 118 ones, and some of exactly so many. */
export function sumOfOnes(kernels: TensorflowKernels, name: ProductKernel, T: ElementType): tf.Tensor {
  const of = (...shape: number[]): tf.Tensor => (T === 'bfloat16' ? toBfloat16(tf.ones(shape)) : tf.ones(shape));
  const sizes = (...shape: number[]): tf.Tensor => tf.tensor1d(shape, 'int32');
  const types = { T };
  if (name === 'MatMul') {
    const bools = { transpose_a: false, transpose_b: false };
    return kernels.run(name, [of(16, 9 * channels), of(9 * channels, 16)], { types, bools });
  }
  const attributes = {
    types,
    ints: { strides: [1, 1, 1, 1], dilations: [1, 1, 1, 1] },
    strings: { padding: 'SAME', data_format: 'NHWC' },
  };
  if (name === 'Conv2D') return kernels.run(name, [of(1, 8, 8, channels), of(3, 3, channels, 8)], attributes);
  if (name === 'Conv2DBackpropInput') {
    const inputs = [sizes(1, 8, 8, 8), of(3, 3, 8, channels), of(1, 8, 8, channels)];
    return kernels.run(name, inputs, attributes);
  }
  // the middle of the kernel sees all 18 x 59 pixels
  return kernels.run(name, [of(1, 18, 59, 8), sizes(3, 3, 8, 8), of(1, 18, 59, 8)], attributes);
}
