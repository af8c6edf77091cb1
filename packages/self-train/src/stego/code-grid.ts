/** A photo's code on the patch grid, and the grid's values at the pixels. */
import * as tf from '@tensorflow/tfjs-core';
import { U2SegError, type PatchFeatures } from '@u2seg/core';
import { bilinearTaps } from '@u2seg/core/internal';
import type { StegoModel } from './stego-model.ts';

/** [gridH * gridW, C]; the mean with the code of the mirrored photo where that is given. */
export async function gridCode(
  model: StegoModel,
  features: PatchFeatures,
  mirrored: PatchFeatures | undefined,
): Promise<Float32Array> {
  const { gridH, gridW } = features;
  const run = async ({ data, dim }: PatchFeatures): Promise<Float32Array> => {
    const code = tf.tidy(() => model.head.code(tf.tensor3d(data, [1, gridH * gridW, dim])));
    const values = (await code.data()) as Float32Array;
    code.dispose();
    return values;
  };
  const code = await run(features);
  if (mirrored === undefined) return code;
  if (mirrored.gridH !== gridH || mirrored.gridW !== gridW) {
    throw new U2SegError(
      'shape-mismatch',
      `segmentStego: mirrored must be on a grid [${gridH}, ${gridW}], got [${mirrored.gridH}, ${mirrored.gridW}].`,
    );
  }
  const other = await run(mirrored);
  const { codeDim } = model.config;
  const mean = new Float32Array(code.length);
  for (let y = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      const at = (y * gridW + x) * codeDim;
      const from = (y * gridW + gridW - 1 - x) * codeDim;
      for (let j = 0; j < codeDim; j += 1) mean[at + j] = (code[at + j]! + other[from + j]!) / 2;
    }
  }
  return mean;
}

/** Visits every pixel with its bilinearly upsampled channels (half-pixel centres); `values` is reused. */
export function eachPixel(
  grid: Float32Array,
  gridH: number,
  gridW: number,
  channels: number,
  height: number,
  width: number,
  visit: (pixel: number, values: Float32Array) => void,
): void {
  const row = new Float32Array(gridW * channels);
  const values = new Float32Array(channels);
  const rows = bilinearTaps(gridH, height, 'exact');
  const columns = bilinearTaps(gridW, width, 'exact');
  for (let y = 0; y < height; y += 1) {
    const [upper, lower] = [rows.low[y]! * row.length, rows.high[y]! * row.length];
    const [up, down] = [rows.lowWeight[y]!, rows.highWeight[y]!];
    for (let i = 0; i < row.length; i += 1) row[i] = grid[upper + i]! * up + grid[lower + i]! * down;
    for (let x = 0; x < width; x += 1) {
      const [west, east] = [columns.low[x]! * channels, columns.high[x]! * channels];
      const [left, right] = [columns.lowWeight[x]!, columns.highWeight[x]!];
      for (let j = 0; j < channels; j += 1) values[j] = row[west + j]! * left + row[east + j]! * right;
      visit(y * width + x, values);
    }
  }
}
