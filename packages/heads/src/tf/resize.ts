import * as tf from '@tensorflow/tfjs-core';
import { floatType, tensorflowKernels, type TensorflowKernels } from './tensorflow-kernels.ts';

/** Repeats every pixel 2x2: [B, H, W, C] -> [B, 2H, 2W, C]. Its gradient sums the four copies. */
export function upsampleNearestByTwo(x: tf.Tensor4D): tf.Tensor4D {
  const [, height, width] = x.shape;
  const operation = tf.customGrad((input) => ({
    value: repeated(input as tf.Tensor4D, 2 * height, 2 * width),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => tf.mul(tf.avgPool(dy as tf.Tensor4D, 2, 2, 'valid'), 4)),
  }));
  return operation(x) as tf.Tensor4D;
}

/** Nearest neighbours, in the type of `x`. */
function repeated(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const kernels = tensorflowKernels();
  if (kernels === undefined) return tf.image.resizeNearestNeighbor(x, [height, width]);
  return kernels.run('ResizeNearestNeighbor', [x, tf.tensor1d([height, width], 'int32')], {
    types: { T: floatType(x) },
    bools: { align_corners: false, half_pixel_centers: false },
  }) as tf.Tensor4D;
}

/** Forward pass and gradient of bilinear resizing with half-pixel centres (torch's `align_corners=False`). */
export interface BilinearKernels {
  forward(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D;
  backward(dy: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor4D;
}

/** Bilinear resizing as two matrix products with the interpolation weights of rows and columns. */
export const portableBilinear: BilinearKernels = {
  forward: (x, height, width) =>
    applySeparable(x, interpolationMatrix(x.shape[1], height), interpolationMatrix(x.shape[2], width)),
  backward: (dy, x) =>
    applySeparable(
      dy,
      tf.transpose(interpolationMatrix(x.shape[1], dy.shape[1])),
      tf.transpose(interpolationMatrix(x.shape[2], dy.shape[2])),
    ),
};

function tensorflowBilinear(kernels: TensorflowKernels): BilinearKernels {
  const bools = { align_corners: false, half_pixel_centers: true };
  return {
    forward: (x, height, width) =>
      kernels.run('ResizeBilinear', [x, tf.tensor1d([height, width], 'int32')], {
        types: { T: 'float32' },
        bools,
      }) as tf.Tensor4D,
    backward: (dy, x) => kernels.run('ResizeBilinearGrad', [dy, x], { types: { T: 'float32' }, bools }) as tf.Tensor4D,
  };
}

/** Bilinear resizing with half-pixel centres: [B, H, W, C] -> [B, height, width, C]. */
export function resizeBilinear(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const native = tensorflowKernels();
  const kernels = native === undefined ? portableBilinear : tensorflowBilinear(native);
  const operation = tf.customGrad((input, save) => {
    (save as tf.GradSaveFunc)([input as tf.Tensor]);
    return {
      value: kernels.forward(input as tf.Tensor4D, height, width),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        tf.tidy(() => kernels.backward(dy as tf.Tensor4D, saved as tf.Tensor4D)),
    };
  });
  return operation(x) as tf.Tensor4D;
}

/** [B, H, W, C] -> [B, H', W', C] by `rows` [H', H] and `columns` [W', W]. */
function applySeparable(x: tf.Tensor4D, rows: tf.Tensor2D, columns: tf.Tensor2D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const byRow = tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [height, batch * width * channels]) as tf.Tensor2D;
  const outHeight = rows.shape[0];
  const tall = tf.reshape(tf.matMul(rows, byRow), [outHeight, batch, width, channels]);
  const byColumn = tf.reshape(tf.transpose(tall, [2, 1, 0, 3]), [width, batch * outHeight * channels]) as tf.Tensor2D;
  const wide = tf.reshape(tf.matMul(columns, byColumn), [columns.shape[0], batch, outHeight, channels]);
  return tf.transpose(wide, [1, 2, 0, 3]) as tf.Tensor4D;
}

/** [outSize, inSize] weights of linear interpolation at half-pixel centres, clamped at both ends. */
function interpolationMatrix(inSize: number, outSize: number): tf.Tensor2D {
  const weights = new Float32Array(outSize * inSize);
  for (let i = 0; i < outSize; i += 1) {
    const position = Math.max(((i + 0.5) * inSize) / outSize - 0.5, 0);
    const low = Math.min(Math.floor(position), inSize - 1);
    const high = Math.min(low + 1, inSize - 1);
    const share = Math.min(position - low, 1);
    weights[i * inSize + low]! += 1 - share;
    weights[i * inSize + high]! += share;
  }
  return tf.tensor2d(weights, [outSize, inSize]);
}
