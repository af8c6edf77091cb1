import * as tf from '@tensorflow/tfjs-core';
import { boxWeights, type AxisWeights } from '../boxes/roi-align-kernel.ts';
import { rowCount, type MapLevel, type PoolingOptions, type RoiAlignKernels, type RoiBatch } from './roi-batch.ts';
import { compressedRows, sparseProduct, type SparseMatrix } from './sparse-product.ts';
import type { TensorflowKernels } from './tensorflow-kernels.ts';

/**
 * ROIAlign as the product of a sparse matrix with the maps' cells: a bin is a weighted mean of the few cells its samples lie
 * between, the same for all channels. The gradient is the product with the transposed matrix.
 */
export function tensorflowRoiAlign(kernels: TensorflowKernels): RoiAlignKernels {
  return {
    forward({ rows, levels }, rois, options) {
      const side = options.outputSize;
      const shape: [number, number, number, number] = [rois.images.length, side, side, rows.shape[1]];
      const weights = poolingMatrix(levels, rois, options);
      if (weights.values.length === 0) return { value: tf.zeros(shape), saved: [] };
      const matrix = compressedRows(kernels, weights);
      return { value: tf.reshape(sparseProduct(kernels, matrix, rows, false), shape), saved: [matrix] };
    },
    backward(dy, levels, _rois, _options, [matrix]) {
      if (matrix === undefined) return tf.zeros([rowCount(levels), dy.shape[3]]);
      return sparseProduct(kernels, matrix, tf.reshape(dy, [-1, dy.shape[3]]), true);
    },
  };
}

/**
 * The interpolation weights of every bin, each the product of its row's and its column's: row `(r side + y) side + x` of
 * region r, column the cell's row among the maps'.
 */
function poolingMatrix(levels: readonly MapLevel[], rois: RoiBatch, options: PoolingOptions): SparseMatrix {
  const side = options.outputSize;
  const boxes = Array.from(rois.images, (image, r) => {
    const level = levels[rois.levels?.[r] ?? 0]!;
    const { rows, columns } = boxWeights(rois.boxesXyxy, r, { ...level, channels: 1 }, { ...options, ...level });
    const first = level.firstRow + image * level.height * level.width;
    return { first, width: level.width, vertical: nonZero(rows, side), horizontal: nonZero(columns, side) };
  });
  const count = boxes.reduce((sum, { vertical, horizontal }) => sum + vertical.total * horizontal.total, 0);
  const places = new Int32Array(2 * count);
  const values = new Float32Array(count);
  let at = 0;
  boxes.forEach(({ first, width, vertical, horizontal }, r) => {
    for (let bin = 0; bin < side * side; bin += 1) {
      const [y, x] = [Math.floor(bin / side), bin % side];
      for (let i = vertical.from[y]!; i < vertical.from[y + 1]!; i += 1) {
        const row = first + vertical.cells[i]! * width;
        for (let j = horizontal.from[x]!; j < horizontal.from[x + 1]!; j += 1, at += 1) {
          places[2 * at] = r * side * side + bin;
          places[2 * at + 1] = row + horizontal.cells[j]!;
          values[at] = vertical.weights[i]! * horizontal.weights[j]!;
        }
      }
    }
  });
  return { shape: [boxes.length * side * side, rowCount(levels)], places, values };
}

/** The weights of one axis that are not zero, bin after bin. */
interface AxisEntries {
  /** [side + 1] where each bin's begin. */
  readonly from: Int32Array;
  readonly cells: Int32Array;
  readonly weights: Float64Array;
  readonly total: number;
}

function nonZero({ start, count, weights }: AxisWeights, side: number): AxisEntries {
  const from = new Int32Array(side + 1);
  const cells = new Int32Array(weights.length);
  const kept = new Float64Array(weights.length);
  let total = 0;
  for (let bin = 0; bin < side; bin += 1) {
    for (let k = 0; k < count; k += 1) {
      const weight = weights[bin * count + k]!;
      if (weight === 0) continue;
      cells[total] = start + k;
      kept[total] = weight;
      total += 1;
    }
    from[bin + 1] = total;
  }
  return { from, cells, weights: kept, total };
}
