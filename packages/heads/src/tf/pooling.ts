import * as tf from '@tensorflow/tfjs-core';
import { tensorflowKernels, type KernelAttributes } from './tensorflow-kernels.ts';

/**
 * 3x3 max pooling with stride 2 and padding 1 of a map that is nowhere negative (it follows a ReLU), so that padding
 * with zeros equals padding with minus infinity.
 *
 * [B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C]
 */
export function stemMaxPool(x: tf.Tensor4D): tf.Tensor4D {
  // an odd size needs the far border too; for an even one the last window ends at the last pixel
  const far = (size: number): number => size % 2;
  const padded = tf.pad(x, [
    [0, 0],
    [1, far(x.shape[1])],
    [1, far(x.shape[2])],
    [0, 0],
  ]);
  return maxPoolValid(padded, 3, 2);
}

function maxPoolValid(x: tf.Tensor4D, side: number, stride: number): tf.Tensor4D {
  const kernels = tensorflowKernels();
  const attributes: KernelAttributes = {
    types: { T: 'float32' },
    ints: { ksize: [1, side, side, 1], strides: [1, stride, stride, 1] },
    strings: { padding: 'VALID', data_format: 'NHWC' },
  };
  const operation = tf.customGrad((input, save) => {
    const value = tf.maxPool(input as tf.Tensor4D, side, stride, 'valid');
    (save as tf.GradSaveFunc)([input as tf.Tensor, value]);
    const gradFunc = (dy: tf.Tensor, [sx, sy]: tf.Tensor[]): tf.Tensor =>
      kernels === undefined
        ? portableMaxPoolGradient(dy as tf.Tensor4D, sx as tf.Tensor4D, side, stride)
        : tf.tidy(() => kernels.run('MaxPoolGrad', [sx!, sy!, dy], attributes));
    return { value, gradFunc };
  });
  return operation(x) as tf.Tensor4D;
}

/** Gradient of valid max pooling: each output's gradient goes to the first largest input of its window, as in torch. */
export function portableMaxPoolGradient(dy: tf.Tensor4D, x: tf.Tensor4D, side: number, stride: number): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const [, outHeight, outWidth] = dy.shape;
  const input = x.dataSync() as Float32Array;
  const gradient = dy.dataSync() as Float32Array;
  const result = new Float32Array(input.length);
  let out = 0;
  for (let b = 0; b < batch; b += 1) {
    for (let oy = 0; oy < outHeight; oy += 1) {
      for (let ox = 0; ox < outWidth; ox += 1) {
        for (let c = 0; c < channels; c += 1, out += 1) {
          let best = -1;
          let bestValue = -Infinity;
          for (let ky = 0; ky < side; ky += 1) {
            for (let kx = 0; kx < side; kx += 1) {
              const index = ((b * height + oy * stride + ky) * width + ox * stride + kx) * channels + c;
              if (input[index]! > bestValue) {
                bestValue = input[index]!;
                best = index;
              }
            }
          }
          if (best >= 0) result[best]! += gradient[out]!;
        }
      }
    }
  }
  return tf.tensor4d(result, x.shape);
}

/** Every second row and column, starting with the first: [B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C]. */
export function subsampleByTwo(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const outHeight = Math.ceil(height / 2);
  const outWidth = Math.ceil(width / 2);
  const even = tf.pad(x, [
    [0, 0],
    [0, height % 2],
    [0, width % 2],
    [0, 0],
  ]);
  const blocks = tf.reshape(even, [batch * outHeight, 2, outWidth, 2 * channels]);
  const kept = tf.slice(blocks, [0, 0, 0, 0], [batch * outHeight, 1, outWidth, channels]);
  return tf.reshape(kept, [batch, outHeight, outWidth, channels]);
}
