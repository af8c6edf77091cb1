import * as tf from '@tensorflow/tfjs-core';
import { add, positive, toBfloat16, toFloat32 } from './bfloat16.ts';
import { bfloat16Product, type ProductKernel } from './bfloat16-products.ts';
import type { Precision } from './precision.ts';
import { tensorflowKernels, type KernelAttributes, type TensorflowKernels } from './tensorflow-kernels.ts';

/** How a square convolution moves over its input and in which numbers it computes. */
export interface ConvGeometry {
  /** Pixels. */
  readonly stride: number;
  /** Rows and columns of zeros on every side. */
  readonly padding: number;
  /** Default float32. */
  readonly precision?: Precision;
  /** Type of the result, default float32; bfloat16 is not differentiable. */
  readonly result?: Precision;
  /** The input is data: nobody asks for its gradient. */
  readonly constantInput?: boolean;
}

/** Forward pass and both gradients of a convolution, on one backend's kernels. */
export interface ConvKernels {
  /** [B, H, W, Cin] * [k, k, Cin, Cout] -> [B, H', W', Cout] */
  forward(x: tf.Tensor4D, weight: tf.Tensor4D, geometry: ConvGeometry): tf.Tensor4D;
  inputGradient(dy: tf.Tensor4D, weight: tf.Tensor4D, shape: Shape4, geometry: ConvGeometry): tf.Tensor4D;
  weightGradient(x: tf.Tensor4D, dy: tf.Tensor4D, shape: Shape4, geometry: ConvGeometry): tf.Tensor4D;
}

type Shape4 = [number, number, number, number];

/** Convolution kernels of the current backend: TensorFlow's own where it runs, else {@link portableConv}. */
export function convKernels(): ConvKernels {
  const kernels = tensorflowKernels();
  return kernels === undefined ? portableConv : tensorflowConv(kernels);
}

/** Convolution by tfjs-core kernels every backend has; the weight gradient is one matrix product per kernel position. */
export const portableConv: ConvKernels = {
  forward(x, weight, { stride, padding }) {
    return tf.conv2d(padded(x, padding), weight, stride, 'valid');
  },
  inputGradient(dy, weight, [batch, height, width, channels], { stride, padding }) {
    const grown: Shape4 = [batch, height + 2 * padding, width + 2 * padding, channels];
    const gradient = tf.conv2dTranspose(dy, weight, grown, stride, 'valid');
    return padding === 0 ? gradient : tf.slice(gradient, [0, padding, padding, 0], [batch, height, width, channels]);
  },
  weightGradient(x, dy, [side, , inChannels, outChannels], { stride, padding }) {
    const [batch, outHeight, outWidth] = dy.shape;
    const positions = batch * outHeight * outWidth;
    // room below and right so that a strided window can always be cut as whole strides
    const source = tf.pad(x, [
      [0, 0],
      [padding, padding + stride],
      [padding, padding + stride],
      [0, 0],
    ]);
    const flatDy = tf.reshape(dy, [positions, outChannels]);
    const parts: tf.Tensor[] = [];
    for (let ky = 0; ky < side; ky += 1) {
      for (let kx = 0; kx < side; kx += 1) {
        parts.push(
          tf.tidy(() => {
            const size: Shape4 = [batch, outHeight * stride, outWidth * stride, inChannels];
            const window = tf.slice(source, [0, ky, kx, 0], size);
            const strided = tf.slice(
              tf.reshape(window, [batch * outHeight, stride, outWidth, stride * inChannels]),
              [0, 0, 0, 0],
              [batch * outHeight, 1, outWidth, inChannels],
            );
            return tf.matMul(tf.reshape(strided, [positions, inChannels]) as tf.Tensor2D, flatDy as tf.Tensor2D, true);
          }),
        );
      }
    }
    return tf.reshape(tf.stack(parts), [side, side, inChannels, outChannels]);
  },
};

/** oneDNN has no fast bfloat16 gradient of a strided convolution (measured: 20 to 100 times float32's time). */
function backward(geometry: ConvGeometry): ConvGeometry {
  return geometry.stride === 1 ? geometry : { ...geometry, precision: 'float32' };
}

function tensorflowConv(kernels: TensorflowKernels): ConvKernels {
  const run = (name: ProductKernel, inputs: tf.Tensor[], side: number, geometry: ConvGeometry): tf.Tensor4D => {
    const attributes = convAttributes(side, geometry);
    return tf.tidy(() => {
      const result =
        geometry.precision === 'bfloat16'
          ? bfloat16Product(kernels, name, inputs, attributes)
          : kernels.run(name, inputs.map(toFloat32), { types: { T: 'float32' }, ...attributes });
      return geometry.result === 'bfloat16' ? result : toFloat32(result);
    }) as tf.Tensor4D;
  };
  return {
    forward: (x, weight, geometry) => {
      if (!isLoneWideMap(x, weight, geometry)) return run('Conv2D', [x, weight], weight.shape[0], geometry);
      const [batch, height, width] = x.shape;
      const shape = tf.tensor1d([batch, height, width, weight.shape[3]], 'int32');
      const turned = tf.transpose(tf.reverse(weight, [0, 1]), [0, 1, 3, 2]);
      return run('Conv2DBackpropInput', [shape, turned, x], weight.shape[0], geometry);
    },
    inputGradient: (dy, weight, shape, geometry) =>
      run('Conv2DBackpropInput', [tf.tensor1d(shape, 'int32'), weight, dy], weight.shape[0], backward(geometry)),
    weightGradient: (x, dy, shape, geometry) => {
      // TensorFlow 2.21's oneDNN kernel writes past its buffer for one image, side 1 and a stride: it gets the pixels the
      // stride leaves instead.
      const strided = shape[0] === 1 && geometry.padding === 0 && geometry.stride > 1;
      if (geometry.stride === 2 && shape[0] > 1 && shape[2] < fewChannels)
        return blockGradient(kernels, x, dy, shape, geometry);
      const source = strided ? everyNth(x, geometry.stride, dy.shape) : x;
      const inner = strided ? { ...geometry, stride: 1 } : geometry;
      return run('Conv2DBackpropFilter', [source, tf.tensor1d(shape, 'int32'), dy], shape[0], backward(inner));
    },
  };
}

/** Cells from which {@link isLoneWideMap} holds. */
const wideMap = 4096;

/**
 * True where a convolution is faster as the input gradient of the convolution with its kernel turned over, which is the same
 * sum: on a large map of one image oneDNN's forward kernel takes a fifth longer than that (measured: 55 and 45 ms).
 */
function isLoneWideMap(x: tf.Tensor4D, weight: tf.Tensor4D, { stride, padding, precision }: ConvGeometry): boolean {
  const [batch, height, width, channels] = x.shape;
  const isSame = stride === 1 && padding === 1 && weight.shape[0] === 3;
  return isSame && precision !== 'bfloat16' && batch === 1 && height * width >= wideMap && channels >= 128;
}

/** Below so many input channels TensorFlow's weight gradient of a strided convolution runs on one thread. */
const fewChannels = 8;

/**
 * Weight gradient of a convolution of stride 2: on 2x2 blocks of pixels, their values taken for channels, it is that of a
 * convolution of stride 1 with half the side.
 */
function blockGradient(
  kernels: TensorflowKernels,
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  [side, , inChannels, outChannels]: Shape4,
  { padding }: ConvGeometry,
): tf.Tensor4D {
  return tf.tidy(() => {
    const half = Math.ceil(side / 2);
    const [, height, width] = x.shape;
    const far = (size: number, out: number): number => 2 * (out + half - 1) - size - padding;
    const padded = tf.pad(x, [
      [0, 0],
      [padding, far(height, dy.shape[1])],
      [padding, far(width, dy.shape[2])],
      [0, 0],
    ]);
    const blocks = kernels.run('SpaceToDepth', [padded], {
      types: { T: 'float32' },
      ints: { block_size: 2 },
      strings: { data_format: 'NHWC' },
    });
    const shape = [half, half, 4 * inChannels, outChannels];
    const gradient = kernels.run('Conv2DBackpropFilter', [blocks, tf.tensor1d(shape, 'int32'), dy], {
      types: { T: 'float32' },
      ...convAttributes(half, { stride: 1, padding: 0 }),
    });
    // [y, x, (dy, dx, c), out] -> [2 y + dy, 2 x + dx, c, out]
    const apart = tf.transpose(tf.reshape(gradient, [half, half, 2, 2 * inChannels * outChannels]), [0, 2, 1, 3]);
    const even = tf.reshape(apart, [2 * half, 2 * half, inChannels, outChannels]);
    return tf.slice(even, [0, 0, 0, 0], [side, side, inChannels, outChannels]) as tf.Tensor4D;
  });
}

/** Every n-th row and column: [B, H, W, C] -> [B, H', W', C] of `shape`. */
function everyNth(x: tf.Tensor4D, n: number, [, height, width]: readonly number[]): tf.Tensor4D {
  const [batch, , , channels] = x.shape;
  const end = [batch, (height! - 1) * n + 1, (width! - 1) * n + 1, channels];
  return tf.stridedSlice(x, [0, 0, 0, 0], end as Shape4, [1, n, n, 1]) as tf.Tensor4D;
}

function convAttributes(side: number, { stride, padding }: ConvGeometry): Omit<KernelAttributes, 'types'> {
  const same = stride === 1 && side === 2 * padding + 1;
  const kind = padding === 0 ? 'VALID' : same ? 'SAME' : 'EXPLICIT';
  return {
    ints: {
      strides: [1, stride, stride, 1],
      dilations: [1, 1, 1, 1],
      ...(kind === 'EXPLICIT' && { explicit_paddings: [0, 0, padding, padding, padding, padding, 0, 0] }),
    },
    strings: { padding: kind, data_format: 'NHWC' },
  };
}

function padded(x: tf.Tensor4D, padding: number): tf.Tensor4D {
  if (padding === 0) return x;
  return tf.pad(x, [
    [0, 0],
    [padding, padding],
    [padding, padding],
    [0, 0],
  ]);
}

/**
 * Convolution with bias and optional ReLU as one differentiable operation, so that only its input and output stay in
 * memory for the backward pass.
 *
 * [B, H, W, Cin], [k, k, Cin, Cout], [Cout] -> [B, H', W', Cout]
 */
export function convBias(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  bias: tf.Tensor1D | undefined,
  geometry: ConvGeometry,
  activation: 'relu' | 'linear' = 'linear',
): tf.Tensor4D {
  const kernels = convKernels();
  const inputs: tf.Tensor[] = bias === undefined ? [x, weight] : [x, weight, bias];
  const operation = tf.customGrad((...all) => {
    const save = all.pop() as unknown as tf.GradSaveFunc;
    const [input, filter, shift] = all as tf.Tensor[] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D | undefined];
    let value = kernels.forward(input, filter, geometry);
    if (shift !== undefined) value = add(value, shift);
    if (activation === 'relu') value = positive(value);
    save(activation === 'relu' ? [input, filter, value] : [input, filter]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const [sx, sw, sy] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D | undefined];
        const inner = (sy === undefined ? dy : reluGradient(dy, sy)) as tf.Tensor4D;
        const gradients: tf.Tensor[] = convGradients(kernels, inner, sx, sw, geometry);
        if (bias !== undefined) gradients.push(tf.sum(inner, [0, 1, 2]));
        return gradients;
      });
    return { value, gradFunc };
  });
  return operation(...inputs) as tf.Tensor4D;
}

/** The gradients of a convolution's input and weight; of the input a lone 0 where nobody asks for it. */
export function convGradients(
  kernels: ConvKernels,
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  geometry: ConvGeometry,
): [tf.Tensor, tf.Tensor] {
  // both round it alike, so it is rounded once
  const shared = backward(geometry).precision === 'bfloat16' ? toBfloat16(dy) : dy;
  return [
    geometry.constantInput === true ? tf.scalar(0) : kernels.inputGradient(shared, weight, x.shape, geometry),
    kernels.weightGradient(x, shared, weight.shape, geometry),
  ];
}

/** `dy` where the ReLU's output `y` is positive, else 0. */
export function reluGradient(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const kernels = tensorflowKernels();
  if (kernels === undefined) return tf.mul(dy, tf.step(y));
  return kernels.run('ReluGrad', [dy, y], { types: { T: 'float32' } });
}
