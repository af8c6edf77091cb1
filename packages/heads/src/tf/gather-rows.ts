import * as tf from '@tensorflow/tfjs-core';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/**
 * Rows of a matrix by index, repeats allowed; the gradient adds the rows back where they came from. Index -1 is a row of
 * zeros.
 *
 * [N, D], indices [M] in [-1, N) -> [M, D]
 */
export function gatherRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  const [rows, width] = x.shape;
  if (indices.length === 0) return tf.tensor2d([], [0, width]);
  const operation = tf.customGrad((input) => {
    const value = rowsOf(input as tf.Tensor2D, indices);
    return { value, gradFunc: (dy: tf.Tensor) => tf.tidy(() => scatterAddRows(dy as tf.Tensor2D, indices, rows)) };
  });
  return operation(x) as tf.Tensor2D;
}

function rowsOf(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  if (indices.every((index) => index >= 0)) return tf.gather(x, tf.tensor1d(indices, 'int32'));
  const inside = tf.tensor2d(
    Float32Array.from(indices, (index) => Number(index >= 0)),
    [indices.length, 1],
  );
  const nearest = tf.tensor1d(
    indices.map((index) => Math.max(index, 0)),
    'int32',
  );
  return tf.mul(tf.gather(x, nearest), inside);
}

/** [M, D] rows added up at `indices` of a zero [rows, D] matrix, those of index -1 left out. */
export function scatterAddRows(values: tf.Tensor2D, indices: Int32Array, rows: number): tf.Tensor2D {
  const kernels = tensorflowKernels();
  if (kernels !== undefined) {
    return kernels.run('UnsortedSegmentSum', [values, tf.tensor1d(indices, 'int32'), tf.scalar(rows, 'int32')], {
      types: { T: 'float32', Tindices: 'int32', Tnumsegments: 'int32' },
    }) as tf.Tensor2D;
  }
  const width = values.shape[1];
  const source = values.dataSync() as Float32Array;
  const result = new Float32Array(rows * width);
  for (let i = 0; i < indices.length; i += 1) {
    const from = i * width;
    const to = indices[i]! * width;
    if (to < 0) continue;
    for (let d = 0; d < width; d += 1) result[to + d]! += source[from + d]!;
  }
  return tf.tensor2d(result, [rows, width]);
}
