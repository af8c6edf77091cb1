import * as tf from '@tensorflow/tfjs-core';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/**
 * Rows of a matrix by index, repeats allowed; the gradient adds the rows back where they came from.
 *
 * [N, D], indices [M] in [0, N) -> [M, D]
 */
export function gatherRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  const [rows, width] = x.shape;
  if (indices.length === 0) return tf.tensor2d([], [0, width]);
  const operation = tf.customGrad((input) => {
    const value = tf.gather(input as tf.Tensor2D, tf.tensor1d(indices, 'int32'));
    return { value, gradFunc: (dy: tf.Tensor) => tf.tidy(() => scatterAddRows(dy as tf.Tensor2D, indices, rows)) };
  });
  return operation(x) as tf.Tensor2D;
}

/** [M, D] rows added up at `indices` of a zero [rows, D] matrix. */
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
    for (let d = 0; d < width; d += 1) result[to + d]! += source[from + d]!;
  }
  return tf.tensor2d(result, [rows, width]);
}
