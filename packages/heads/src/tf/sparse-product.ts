import * as tf from '@tensorflow/tfjs-core';
import type { KernelAttributes, TensorflowKernels } from './tensorflow-kernels.ts';

/** A sparse matrix by its non-zero values. */
export interface SparseMatrix {
  /** [rows, columns] */
  readonly shape: readonly [number, number];
  /** [n, 2] (row, column), rows ascending */
  readonly places: Int32Array;
  /** [n] */
  readonly values: Float32Array;
}

/**
 * Product of a sparse matrix, or its transpose, with a dense one: [rows, columns] x [columns, C] -> [rows, C]. Rows of the
 * result are summed by one thread each, in order, so it repeats to the bit.
 */
export function sparseProduct(
  kernels: TensorflowKernels,
  { shape, places, values }: SparseMatrix,
  dense: tf.Tensor2D,
  transposed: boolean,
): tf.Tensor2D {
  if (values.length === 0) return tf.zeros([shape[transposed ? 1 : 0], dense.shape[1]]);
  return tf.tidy(() => {
    const indices = kernels.cast(tf.tensor2d(places, [values.length, 2], 'int32'), 'int32', 'int64');
    const size = kernels.cast(tf.tensor1d([...shape], 'int32'), 'int32', 'int64');
    const float: KernelAttributes = { types: { T: 'float32' } };
    let matrix = kernels.run('SparseTensorToCSRSparseMatrix', [indices, tf.tensor1d(values), size], float);
    if (transposed) {
      const attributes: KernelAttributes = { types: { type: 'float32' }, bools: { conjugate: false } };
      matrix = kernels.run('SparseMatrixTranspose', [matrix], attributes);
    }
    return kernels.run('SparseMatrixMatMul', [matrix, dense], { ...float, bools: plainProduct }) as tf.Tensor2D;
  });
}

const plainProduct = {
  transpose_a: false,
  transpose_b: false,
  adjoint_a: false,
  adjoint_b: false,
  transpose_output: false,
  conjugate_output: false,
};
