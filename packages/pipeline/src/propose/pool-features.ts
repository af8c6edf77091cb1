import type { PatchFeatures } from '@u2seg/core';

/** Averages blocks of cells until neither side of the grid has more than `maxGrid`; no copy when it has not. */
export function poolFeatures(features: PatchFeatures, maxGrid: number): PatchFeatures {
  const { data, gridH, gridW, dim, patchSize } = features;
  const block = Math.ceil(Math.max(gridH, gridW) / maxGrid);
  if (block <= 1) return features;
  const height = Math.ceil(gridH / block);
  const width = Math.ceil(gridW / block);
  const out = new Float32Array(height * width * dim);
  for (let y = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      const to = (Math.floor(y / block) * width + Math.floor(x / block)) * dim;
      const from = (y * gridW + x) * dim;
      for (let j = 0; j < dim; j += 1) out[to + j]! += data[from + j]!;
    }
  }
  for (let row = 0; row < height; row += 1) {
    const rows = Math.min(block, gridH - row * block);
    for (let column = 0; column < width; column += 1) {
      const cells = rows * Math.min(block, gridW - column * block);
      const at = (row * width + column) * dim;
      for (let j = 0; j < dim; j += 1) out[at + j]! /= cells;
    }
  }
  const pooled = { data: out, gridH: height, gridW: width, dim, patchSize: patchSize * block };
  return features.cls === undefined ? pooled : { ...pooled, cls: features.cls };
}
