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

/** The matrix by compressed rows, as a tensor only {@link sparseProduct} can read. */
export function compressedRows(kernels: TensorflowKernels, { shape, places, values }: SparseMatrix): tf.Tensor {
  return tf.tidy(() => {
    const indices = kernels.cast(tf.tensor2d(places, [values.length, 2], 'int32'), 'int32', 'int64');
    const size = kernels.cast(tf.tensor1d([...shape], 'int32'), 'int32', 'int64');
    return kernels.run('SparseTensorToCSRSparseMatrix', [indices, tf.tensor1d(values), size], float);
  });
}

/**
 * Product of {@link compressedRows}, or their transpose, with a dense matrix: [rows, columns] x [columns, C] -> [rows, C].
 * Rows of the result are summed by one thread each, in order, so it repeats to the bit.
 */
export function sparseProduct(
  kernels: TensorflowKernels,
  matrix: tf.Tensor,
  dense: tf.Tensor2D,
  transposed: boolean,
): tf.Tensor2D {
  return tf.tidy(() => {
    const attributes: KernelAttributes = { types: { type: 'float32' }, bools: { conjugate: false } };
    const upright = transposed ? kernels.run('SparseMatrixTranspose', [matrix], attributes) : matrix;
    return kernels.run('SparseMatrixMatMul', [upright, dense], { ...float, bools: plainProduct }) as tf.Tensor2D;
  });
}

const float: KernelAttributes = { types: { T: 'float32' } };
const plainProduct = {
  transpose_a: false,
  transpose_b: false,
  adjoint_a: false,
  adjoint_b: false,
  transpose_output: false,
  conjugate_output: false,
};
