import { labPlanes } from './lab.ts';

/** Directions of the gradient energies, evenly spaced over half a turn. */
const orientations = 4;
/** Levels of the pyramid: full size, half, quarter. */
const scales = 3;
/** L, a, b: mean and standard deviation; then energies. */
const ownDim = 6 + scales * orientations;
/** Rings of neighbouring cells whose mean is appended: radius 1 and 3. */
const contexts: readonly number[] = [1, 3];

/** D: the cell, its surroundings at two sizes, and its place. */
export const descriptorDim: number = ownDim * (1 + contexts.length) + 2;

/** Weight of the surroundings and of the place beside the cell itself, chosen by hand. */
const contextWeights: readonly number[] = [0.8, 0.6];
const placeWeight = 0.5;

/**
 * Centre and spread of the cell's own channels over photos: medians and interquartile ranges of typical photos, rounded by
 * hand. They only bring the channels to one scale; nothing is learned from them.
 */
const centre: readonly number[] = [50, 1, 4, 7, 2, 2.5];
const spread: readonly number[] = [25, 9, 12, 7, 2.5, 3];
const energyCentre = 1.6;
const energySpread = 1;

/**
 * Colour, contrast and texture of every cell of a grid.
 *
 * 1. mean and standard deviation of L*a*b*;
 * 2. logarithm of the mean gradient magnitude in four directions at three sizes;
 * 3. the same averaged over the surroundings at two sizes;
 * 4. where the cell lies.
 *
 * @param rgb - [H, W, 3], H and W multiples of `patch`
 * @returns [gridH * gridW, D]
 */
export function denseDescriptors(rgb: Uint8Array, height: number, width: number, patch: number): Float32Array {
  const gridH = height / patch;
  const gridW = width / patch;
  const own = ownDescriptors(labPlanes(rgb), height, width, patch);
  const out = new Float32Array(gridH * gridW * descriptorDim);
  const around = contexts.map((radius) => boxMeans(own, gridH, gridW, ownDim, radius));
  for (let y = 0, cell = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1, cell += 1) {
      let to = cell * descriptorDim;
      const from = cell * ownDim;
      for (let j = 0; j < ownDim; j += 1, to += 1) out[to] = own[from + j]!;
      around.forEach((means, c) => {
        for (let j = 0; j < ownDim; j += 1, to += 1) out[to] = contextWeights[c]! * means[from + j]!;
      });
      out[to] = placeWeight * ((2 * (y + 0.5)) / gridH - 1);
      out[to + 1] = placeWeight * ((2 * (x + 0.5)) / gridW - 1);
    }
  }
  return out;
}

/** [cells, ownDim], each channel about centred with unit spread. */
function ownDescriptors(lab: Float32Array, height: number, width: number, patch: number): Float32Array {
  const n = height * width;
  const gridH = height / patch;
  const gridW = width / patch;
  const out = new Float32Array(gridH * gridW * ownDim);
  for (let c = 0; c < 3; c += 1) momentsOf(lab.subarray(c * n, (c + 1) * n), width, patch, gridH, gridW, c, out);
  let plane: Float32Array = lab.slice(0, n);
  let [h, w] = [height, width];
  for (let scale = 0; scale < scales; scale += 1) {
    addEnergies(plane, h, w, gridH, gridW, 6 + scale * orientations, out);
    if (h < 4 || w < 4) continue;
    plane = halved(plane, h, w);
    [h, w] = [h >> 1, w >> 1];
  }
  for (let cell = 0; cell < gridH * gridW; cell += 1) {
    for (let j = 0; j < 6; j += 1) out[cell * ownDim + j] = (out[cell * ownDim + j]! - centre[j]!) / spread[j]!;
    for (let j = 6; j < ownDim; j += 1) {
      out[cell * ownDim + j] = (Math.log1p(out[cell * ownDim + j]!) - energyCentre) / energySpread;
    }
  }
  return out;
}

function momentsOf(
  plane: Float32Array,
  width: number,
  patch: number,
  gridH: number,
  gridW: number,
  channel: number,
  out: Float32Array,
): void {
  for (let gy = 0, cell = 0; gy < gridH; gy += 1) {
    for (let gx = 0; gx < gridW; gx += 1, cell += 1) {
      let [sum, squares] = [0, 0];
      for (let y = gy * patch; y < (gy + 1) * patch; y += 1) {
        const row = y * width + gx * patch;
        for (let i = row; i < row + patch; i += 1) {
          sum += plane[i]!;
          squares += plane[i]! * plane[i]!;
        }
      }
      const mean = sum / (patch * patch);
      out[cell * ownDim + channel] = mean;
      out[cell * ownDim + 3 + channel] = Math.sqrt(Math.max(0, squares / (patch * patch) - mean * mean));
    }
  }
}

/** Adds the mean magnitude of the directional derivatives of a plane stretched over the grid. */
function addEnergies(
  plane: Float32Array,
  height: number,
  width: number,
  gridH: number,
  gridW: number,
  first: number,
  out: Float32Array,
): void {
  const counts = new Float32Array(gridH * gridW);
  const diagonal = Math.SQRT1_2;
  for (let y = 0; y < height; y += 1) {
    const up = Math.max(0, y - 1) * width;
    const down = Math.min(height - 1, y + 1) * width;
    const gy = Math.min(gridH - 1, Math.floor((y * gridH) / height)) * gridW;
    for (let x = 0; x < width; x += 1) {
      const left = Math.max(0, x - 1);
      const right = Math.min(width - 1, x + 1);
      const dx = plane[y * width + right]! - plane[y * width + left]!;
      const dy = plane[down + x]! - plane[up + x]!;
      const cell = gy + Math.min(gridW - 1, Math.floor((x * gridW) / width));
      const at = cell * ownDim + first;
      out[at]! += Math.abs(dx);
      out[at + 1]! += Math.abs(dy);
      out[at + 2]! += diagonal * Math.abs(dx + dy);
      out[at + 3]! += diagonal * Math.abs(dx - dy);
      counts[cell]! += 1;
    }
  }
  for (let cell = 0; cell < counts.length; cell += 1) {
    for (let j = 0; j < orientations; j += 1) out[cell * ownDim + first + j]! /= Math.max(1, counts[cell]!);
  }
}

/** Half the size by 2 x 2 means; an odd last row or column is dropped. */
function halved(plane: Float32Array, height: number, width: number): Float32Array {
  const [h, w] = [height >> 1, width >> 1];
  const out = new Float32Array(h * w);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const at = 2 * y * width + 2 * x;
      out[y * w + x] = (plane[at]! + plane[at + 1]! + plane[at + width]! + plane[at + width + 1]!) / 4;
    }
  }
  return out;
}

/** Means over (2 r + 1)^2 cells, cut off at the edge of the grid; two passes of running sums. */
function boxMeans(rows: Float32Array, gridH: number, gridW: number, dim: number, radius: number): Float32Array {
  const across = new Float32Array(rows.length);
  for (let y = 0; y < gridH; y += 1) {
    const cell = (x: number): number => (y * gridW + x) * dim;
    slide(rows, across, cell, gridW, dim, radius);
  }
  const out = new Float32Array(rows.length);
  for (let x = 0; x < gridW; x += 1) {
    const cell = (y: number): number => (y * gridW + x) * dim;
    slide(across, out, cell, gridH, dim, radius);
  }
  return out;
}

function slide(
  from: Float32Array,
  to: Float32Array,
  cell: (i: number) => number,
  length: number,
  dim: number,
  radius: number,
): void {
  for (let j = 0; j < dim; j += 1) {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < Math.min(length, radius); i += 1, count += 1) sum += from[cell(i) + j]!;
    for (let i = 0; i < length; i += 1) {
      if (i + radius < length) {
        sum += from[cell(i + radius) + j]!;
        count += 1;
      }
      if (i - radius - 1 >= 0) {
        sum -= from[cell(i - radius - 1) + j]!;
        count -= 1;
      }
      to[cell(i) + j] = sum / count;
    }
  }
}
