import type { PatchFeatures } from '@u2seg/core';
import type { Regions } from './watershed.ts';

/** Bins of each colour channel's histogram. */
const bins = 16;
const channels = 3;
export const histogramSize: number = bins * channels;

/** Contact of two regions. */
export interface Contact {
  /** Pairs of neighbouring pixels, one on either side. */
  readonly length: number;
  /** Sum of the boundary strength over these pairs. */
  readonly strength: number;
  /** Pairs with no more than the image's mean boundary strength on either side. */
  readonly weak: number;
}

/** Regions with what they look like and whom they touch. */
export interface RegionGraph {
  readonly count: number;
  /** [count] pixels. */
  readonly area: Float64Array;
  /** [count] pixel sides on the border of the image. */
  readonly rim: Float64Array;
  /** [count, 4] first and last x and y. */
  readonly box: Int32Array;
  /** [count, histogramSize] pixels per colour bin. */
  readonly histogram: Float32Array;
  /** [count, D] sums of the unit features of the pixels. */
  readonly features: Float32Array;
  readonly dim: number;
  /** Neighbours of each region. */
  readonly contacts: readonly Map<number, Contact>[];
}

/** Measures the regions of an image. `planes` are those of `opponentPlanes`, `mean` is that of `strength`. */
export function regionGraph(
  regions: Regions,
  planes: Float32Array,
  strength: Float32Array,
  mean: number,
  features: PatchFeatures,
  height: number,
  width: number,
): RegionGraph {
  const { labels, count } = regions;
  const n = height * width;
  const unit = unitRows(features);
  const { dim, gridH, gridW } = features;
  const area = new Float64Array(count);
  const rim = new Float64Array(count);
  const box = new Int32Array(count * 4);
  for (let r = 0; r < count; r += 1) box.set([width, height, -1, -1], 4 * r);
  const histogram = new Float32Array(count * histogramSize);
  const patches = Array.from({ length: count }, () => new Map<number, number>());
  const contacts = Array.from(
    { length: count },
    () => new Map<number, { length: number; strength: number; weak: number }>(),
  );
  const touch = (i: number, j: number): void => {
    const a = labels[i]!;
    const b = labels[j]!;
    if (a === b) return;
    let contact = contacts[a]!.get(b);
    if (contact === undefined) {
      contact = { length: 0, strength: 0, weak: 0 };
      contacts[a]!.set(b, contact);
      contacts[b]!.set(a, contact);
    }
    contact.length += 1;
    contact.strength += (strength[i]! + strength[j]!) / 2;
    contact.weak += Number(Math.max(strength[i]!, strength[j]!) <= mean);
  };
  for (let y = 0, i = 0; y < height; y += 1) {
    const row = Math.min(gridH - 1, Math.floor((y * gridH) / height)) * gridW;
    for (let x = 0; x < width; x += 1, i += 1) {
      const r = labels[i]!;
      area[r]! += 1;
      rim[r]! += Number(x === 0) + Number(x === width - 1) + Number(y === 0) + Number(y === height - 1);
      if (x < box[4 * r]!) box[4 * r] = x;
      if (y < box[4 * r + 1]!) box[4 * r + 1] = y;
      if (x > box[4 * r + 2]!) box[4 * r + 2] = x;
      if (y > box[4 * r + 3]!) box[4 * r + 3] = y;
      for (let c = 0; c < channels; c += 1) {
        // Colour differences rarely leave [-1/4, 1/4].
        const value = c === 0 ? planes[i]! : 2 * planes[c * n + i]! + 0.5;
        const bin = Math.min(bins - 1, Math.max(0, Math.floor(value * bins)));
        histogram[r * histogramSize + c * bins + bin]! += 1;
      }
      const patch = row + Math.min(gridW - 1, Math.floor((x * gridW) / width));
      patches[r]!.set(patch, (patches[r]!.get(patch) ?? 0) + 1);
      if (x + 1 < width) touch(i, i + 1);
      if (y + 1 < height) touch(i, i + width);
    }
  }
  const sums = new Float32Array(count * dim);
  patches.forEach((shares, r) => {
    for (const [patch, pixels] of shares) {
      for (let j = 0; j < dim; j += 1) sums[r * dim + j]! += pixels * unit[patch * dim + j]!;
    }
  });
  return { count, area, rim, box, histogram, features: sums, dim, contacts };
}

/** Rows divided by their norm; a row of zeros stays. */
function unitRows({ data, dim }: PatchFeatures): Float32Array {
  const out = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += dim) {
    let square = 0;
    for (let j = at; j < at + dim; j += 1) square += data[j]! * data[j]!;
    const scale = 1 / Math.max(1e-12, Math.sqrt(square));
    for (let j = at; j < at + dim; j += 1) out[j] = data[j]! * scale;
  }
  return out;
}
