/**
 * Pillow's `Image.resize`, bit for bit: a horizontal and a vertical pass, each in 22-bit fixed point, rounded to 8 bits
 * in between. The reference pipelines resize with Pillow, and a level of difference moves features.
 */
import { assertImage, assertInteger, assertLength, type RgbImage } from '@u2seg/core';
import { axisWeights, type AxisWeights, type PillowFilter, precisionBits } from './pillow-coefficients.ts';

export type { PillowFilter } from './pillow-coefficients.ts';

/** One 8-bit channel: Pillow's mode L. */
export interface GrayImage {
  /** [H, W] row-major. */
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

export interface ResizePillowOptions {
  /**
   * Which pass comes first, visible in single levels. `pillow-13` does as Pillow 13.0.0 was measured to (1,600 random
   * sizes, all equal): vertical first where the height shrinks by more than twice what the width shrinks by, else horizontal.
   * `horizontal-first` is what older versions always do.
   */
  readonly passOrder?: 'pillow-13' | 'horizontal-first';
}

export const resizePillowDefaults: Required<ResizePillowOptions> = { passOrder: 'pillow-13' };

/** Half of the last kept bit: sums are rounded, not cut. */
const half = 1 << (precisionBits - 1);

/**
 * Resizes an RGB image as `PIL.Image.resize((width, height), filter)` does; shrinking antialiases.
 *
 * @returns [height, width, 3]; a copy when the size stays
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 */
export function resizePillow(
  image: RgbImage,
  height: number,
  width: number,
  filter: PillowFilter,
  options: ResizePillowOptions = {},
): RgbImage {
  assertImage('resizePillow', image);
  const resolved = { ...resizePillowDefaults, ...options };
  return { data: resizeChannels('resizePillow', image, 3, height, width, filter, resolved), height, width };
}

/**
 * Resizes a one-channel image as Pillow does in mode L.
 *
 * @returns [height, width]
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 */
export function resizePillowGray(
  image: GrayImage,
  height: number,
  width: number,
  filter: PillowFilter,
  options: ResizePillowOptions = {},
): GrayImage {
  assertInteger('resizePillowGray: image.height', image.height, 1);
  assertInteger('resizePillowGray: image.width', image.width, 1);
  assertLength('resizePillowGray: image.data', image.data.length, [image.height, image.width]);
  const resolved = { ...resizePillowDefaults, ...options };
  return { data: resizeChannels('resizePillowGray', image, 1, height, width, filter, resolved), height, width };
}

function resizeChannels(
  where: string,
  image: GrayImage,
  channels: 1 | 3,
  height: number,
  width: number,
  filter: PillowFilter,
  { passOrder }: Required<ResizePillowOptions>,
): Uint8Array {
  assertInteger(`${where}: height`, height, 1, 1 << 20);
  assertInteger(`${where}: width`, width, 1, 1 << 20);
  if (filter === 'nearest') return resizeNearest(image, channels, height, width);
  const across = (data: Uint8Array, rows: number): Uint8Array => {
    if (width === image.width) return data;
    const weights = axisWeights(image.width, width, filter);
    return (channels === 3 ? horizontalRgb : horizontalGray)(data, rows, image.width, width, weights);
  };
  const down = (data: Uint8Array, columns: number): Uint8Array =>
    height === image.height
      ? data
      : vertical(data, columns * channels, height, axisWeights(image.height, height, filter));
  const data = startsVertical(image, height, width, passOrder)
    ? across(down(image.data, image.width), height)
    : down(across(image.data, image.height), width);
  return data === image.data ? data.slice() : data;
}

function startsVertical(
  image: GrayImage,
  height: number,
  width: number,
  order: 'pillow-13' | 'horizontal-first',
): boolean {
  const shrinksBy = image.height - height;
  return order === 'pillow-13' && shrinksBy > 0 && 2 * (image.width - width) < shrinksBy;
}

function horizontalRgb(
  data: Uint8Array,
  height: number,
  inWidth: number,
  width: number,
  axis: AxisWeights,
): Uint8Array {
  const out = new Uint8ClampedArray(height * width * 3);
  const { taps, first, count, weights } = axis;
  for (let y = 0, to = 0; y < height; y += 1) {
    const row = y * inWidth;
    for (let x = 0; x < width; x += 1, to += 3) {
      let at = (row + first[x]!) * 3;
      let r = half;
      let g = half;
      let b = half;
      const end = x * taps + count[x]!;
      for (let i = x * taps; i < end; i += 1, at += 3) {
        const weight = weights[i]!;
        r = (r + Math.imul(data[at]!, weight)) | 0;
        g = (g + Math.imul(data[at + 1]!, weight)) | 0;
        b = (b + Math.imul(data[at + 2]!, weight)) | 0;
      }
      out[to] = r >> precisionBits;
      out[to + 1] = g >> precisionBits;
      out[to + 2] = b >> precisionBits;
    }
  }
  return new Uint8Array(out.buffer);
}

function horizontalGray(
  data: Uint8Array,
  height: number,
  inWidth: number,
  width: number,
  axis: AxisWeights,
): Uint8Array {
  const out = new Uint8ClampedArray(height * width);
  const { taps, first, count, weights } = axis;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = y * inWidth + first[x]!;
      const k = x * taps;
      let sum = half;
      for (let i = 0; i < count[x]!; i += 1) sum = (sum + Math.imul(data[from + i]!, weights[k + i]!)) | 0;
      out[y * width + x] = sum >> precisionBits;
    }
  }
  return new Uint8Array(out.buffer);
}

/** Rows of `stride` bytes; channels need no distinction here. Four input rows at a time keep the sums in registers. */
function vertical(data: Uint8Array, stride: number, height: number, axis: AxisWeights): Uint8Array {
  const out = new Uint8ClampedArray(height * stride);
  const { taps, first, count, weights } = axis;
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y += 1) {
    sums.fill(half);
    const end = y * taps + count[y]!;
    let row = first[y]! * stride;
    let k = y * taps;
    for (; k + 4 <= end; k += 4, row += 4 * stride) {
      const [w0, w1, w2, w3] = [weights[k]!, weights[k + 1]!, weights[k + 2]!, weights[k + 3]!];
      const [row1, row2, row3] = [row + stride, row + 2 * stride, row + 3 * stride];
      for (let i = 0; i < stride; i += 1) {
        const upper = (Math.imul(data[row + i]!, w0) + Math.imul(data[row1 + i]!, w1)) | 0;
        const lower = (Math.imul(data[row2 + i]!, w2) + Math.imul(data[row3 + i]!, w3)) | 0;
        sums[i] = sums[i]! + upper + lower;
      }
    }
    for (; k < end; k += 1, row += stride) {
      const weight = weights[k]!;
      for (let i = 0; i < stride; i += 1) sums[i] = sums[i]! + Math.imul(data[row + i]!, weight);
    }
    const to = y * stride;
    for (let i = 0; i < stride; i += 1) out[to + i] = sums[i]! >> precisionBits;
  }
  return new Uint8Array(out.buffer);
}

function resizeNearest(image: GrayImage, channels: number, height: number, width: number): Uint8Array {
  const out = new Uint8Array(height * width * channels);
  const columns = nearestIndices(image.width, width);
  const rows = nearestIndices(image.height, height);
  for (let y = 0, to = 0; y < height; y += 1) {
    const row = rows[y]! * image.width;
    for (let x = 0; x < width; x += 1) {
      const from = (row + columns[x]!) * channels;
      for (let c = 0; c < channels; c += 1, to += 1) out[to] = image.data[from + c]!;
    }
  }
  return out;
}

/** Pillow adds the step up instead of multiplying; the rounding of that sum decides ties, so it is repeated here. */
function nearestIndices(inSize: number, outSize: number): Int32Array {
  const step = inSize / outSize;
  let at = step * 0.5;
  return Int32Array.from({ length: outSize }, () => {
    const index = Math.min(inSize - 1, Math.trunc(at));
    at += step;
    return index;
  });
}
