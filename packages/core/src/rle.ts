import { assertInteger, assertLength, U2SegError } from './errors.ts';
import type { BinaryMask } from './image.ts';

/**
 * A mask as COCO run lengths: the pixels in column-major order (down the first column, then the second), cut into runs of
 * equal value. `counts[0]` is the length of the first run of zeros and may be 0; even entries count zeros, odd ones count
 * ones. The counts add up to `height * width`.
 */
export interface Rle {
  readonly height: number;
  readonly width: number;
  readonly counts: Uint32Array;
}

/** A box as [x, y, width, height] in input pixels. */
export type BboxXywh = readonly [number, number, number, number];

/**
 * Run lengths of a mask; any value other than 0 counts as 1.
 *
 * @throws U2SegError `shape-mismatch` if `mask.data` is not [H, W]
 */
export function encodeMask(mask: BinaryMask): Rle {
  const { data, height, width } = mask;
  assertLength('encodeMask: mask.data', data.length, [height, width]);
  let counts = new Uint32Array(64);
  let length = 0;
  let previous = 0;
  let run = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0, at = x; y < height; y += 1, at += width) {
      const value = data[at] === 0 ? 0 : 1;
      if (value !== previous) {
        if (length === counts.length) counts = grown(counts);
        counts[length] = run;
        length += 1;
        run = 0;
        previous = value;
      }
      run += 1;
    }
  }
  if (length === counts.length) counts = grown(counts);
  counts[length] = run;
  return { height, width, counts: counts.slice(0, length + 1) };
}

/**
 * The [H, W] row-major mask of 0 and 1.
 *
 * @throws U2SegError `bad-format` if the counts do not add up to `height * width`
 */
export function decodeMask(rle: Rle): BinaryMask {
  assertRle('decodeMask: rle', rle);
  const { height, width, counts } = rle;
  const data = new Uint8Array(height * width);
  let position = 0;
  for (let i = 0; i < counts.length; i += 1) {
    const end = position + counts[i]!;
    if (i % 2 === 1 && end > position) {
      let x = Math.floor(position / height);
      let y = position - x * height;
      for (let left = end - position; left > 0; x += 1, y = 0) {
        const stop = Math.min(height, y + left);
        for (let at = y * width + x, row = y; row < stop; row += 1, at += width) data[at] = 1;
        left -= stop - y;
      }
    }
    position = end;
  }
  return { data, height, width };
}

/** Checks run lengths once, at the boundary of a stage. @throws U2SegError `bad-format` or `out-of-range` */
export function assertRle(where: string, rle: Rle): void {
  assertInteger(`${where}.height`, rle.height, 0);
  assertInteger(`${where}.width`, rle.width, 0);
  let sum = 0;
  for (const count of rle.counts) sum += count;
  if (sum !== rle.height * rle.width) {
    throw new U2SegError(
      'bad-format',
      `${where}.counts must add up to ${rle.height} x ${rle.width} = ${rle.height * rle.width} pixels, got ${sum}.`,
    );
  }
}

/** Number of pixels set. */
export function rleArea(rle: Rle): number {
  const { counts } = rle;
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!;
  return area;
}

/**
 * The tight box around the pixels set, in whole pixels; [0, 0, 0, 0] for a mask without any.
 *
 * Follows the COCO API to the digit: a run that crosses a column's end makes the box as tall as the image, and a run of
 * zero length still moves the box (encoders that write such runs get what the COCO API gives them).
 */
export function rleBbox(rle: Rle): [x: number, y: number, width: number, height: number] {
  const { height: h, width: w, counts } = rle;
  const paired = counts.length - (counts.length % 2);
  if (paired === 0) return [0, 0, 0, 0];
  let left = w;
  let top = h;
  let right = 0;
  let bottom = 0;
  let end = 0;
  let firstColumn = 0;
  for (let i = 0; i < paired; i += 1) {
    end += counts[i]!;
    const at = i % 2 === 0 ? end : end - 1;
    const y = at % h;
    const x = (at - y) / h;
    if (i % 2 === 0) {
      firstColumn = x;
    } else if (firstColumn < x) {
      top = 0;
      bottom = h - 1;
    }
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/** Twice the room, the same values. */
function grown(counts: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(counts.length * 2);
  larger.set(counts);
  return larger;
}
