import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertLength, type Rng } from '@u2seg/core';

/**
 * Sampling coordinates of the correspondence loss: [B, S, S, 2] in [-1, 1], drawn uniformly. The last axis is (x, y);
 * -1 and 1 are the centres of the first and last cell.
 */
export function drawSampleCoordinates(batch: number, samples: number, rng: Rng): Float32Array {
  return Float32Array.from({ length: batch * samples * samples * 2 }, () => rng() * 2 - 1);
}

/** Rows and columns of a feature map. */
export interface GridSize {
  readonly gridH: number;
  readonly gridW: number;
}

/**
 * Bilinear sampling of a grid as a matrix, so that sampling and its gradient are one matrix product on every backend.
 *
 * Row `i * S + j` of image `b` holds the four weights for `coords[b, j, i]`: STEGO swaps the two sample axes before it
 * samples. Coordinates outside [-1, 1] clamp to the border.
 *
 * @param coords - [B, S, S, 2]
 * @param grids - size of each image's map, B of them
 * @param cells - cells a map is padded to, at least gridH * gridW of each
 * @returns [B, S * S, cells]; cells beyond an image's own are never sampled
 */
export function samplingMatrix(
  coords: Float32Array,
  grids: readonly GridSize[],
  samples: number,
  cells: number,
): tf.Tensor3D {
  const batch = grids.length;
  const rows = samples * samples;
  assertLength('samplingMatrix: coords', coords.length, [batch, samples, samples, 2]);
  const weights = new Float32Array(batch * rows * cells);
  for (let b = 0; b < batch; b += 1) {
    const { gridH, gridW } = grids[b]!;
    assertInteger('samplingMatrix: grids: gridH * gridW', gridH * gridW, 1, cells);
    for (let i = 0; i < samples; i += 1) {
      for (let j = 0; j < samples; j += 1) {
        const from = ((b * samples + j) * samples + i) * 2;
        const x = cellPosition(coords[from]!, gridW);
        const y = cellPosition(coords[from + 1]!, gridH);
        const x0 = Math.min(Math.floor(x), Math.max(0, gridW - 2));
        const y0 = Math.min(Math.floor(y), Math.max(0, gridH - 2));
        const fx = x - x0;
        const fy = y - y0;
        const x1 = Math.min(x0 + 1, gridW - 1);
        const y1 = Math.min(y0 + 1, gridH - 1);
        const at = ((b * samples + i) * samples + j) * cells;
        weights[at + y0 * gridW + x0]! += (1 - fy) * (1 - fx);
        weights[at + y0 * gridW + x1]! += (1 - fy) * fx;
        weights[at + y1 * gridW + x0]! += fy * (1 - fx);
        weights[at + y1 * gridW + x1]! += fy * fx;
      }
    }
  }
  return tf.tensor3d(weights, [batch, rows, cells]);
}

/** Position of a coordinate in [-1, 1] on `size` cells, float32 as torch computes it, clamped to the border. */
function cellPosition(coordinate: number, size: number): number {
  const position = Math.fround(Math.fround(Math.fround(coordinate + 1) / 2) * (size - 1));
  return Math.min(Math.max(position, 0), size - 1);
}
