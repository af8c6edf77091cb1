import type { BinaryMask } from '@u2seg/core';
import type { BoxArray } from './box-array.ts';

const round = Math.fround;

/** Where a pasted mask can be non-zero, in image pixels. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Pastes square soft masks into an image at their boxes by bilinear interpolation, and thresholds them (kept when
 * `value >= threshold`). A box completely outside the image gives an empty mask.
 *
 * @param masks - [N, side, side] in [0, 1]
 * @param boxesXyxy - [N, 4] image pixels
 */
export function pasteMasks(
  masks: Float32Array,
  boxesXyxy: BoxArray,
  side: number,
  height: number,
  width: number,
  threshold = 0.5,
): BinaryMask[] {
  const limit = round(threshold);
  return Array.from({ length: boxesXyxy.length / 4 }, (_, i) => {
    const data = new Uint8Array(height * width);
    sampleMask(masks, boxesXyxy, i, side, height, width, (index, value) => {
      if (value >= limit) data[index] = 1;
    });
    return { data, height, width };
  });
}

/** As {@link pasteMasks} without the threshold: values in [0, 1] scaled to [0, 255] and truncated. [N, H, W] */
export function pasteSoftMasks(
  masks: Float32Array,
  boxesXyxy: BoxArray,
  side: number,
  height: number,
  width: number,
): Uint8Array {
  const n = boxesXyxy.length / 4;
  const data = new Uint8Array(n * height * width);
  for (let i = 0; i < n; i += 1) {
    sampleMask(masks, boxesXyxy, i, side, height, width, (index, value) => {
      data[i * height * width + index] = Math.trunc(round(value * 255));
    });
  }
  return data;
}

function sampleMask(
  masks: Float32Array,
  boxes: BoxArray,
  i: number,
  side: number,
  height: number,
  width: number,
  receive: (index: number, value: number) => void,
): void {
  const region = regionOf(boxes, i, height, width);
  if (region.width <= 0 || region.height <= 0) return;
  const columns = axisPositions(boxes[4 * i]!, boxes[4 * i + 2]!, region.x, region.width, side);
  const rows = axisPositions(boxes[4 * i + 1]!, boxes[4 * i + 3]!, region.y, region.height, side);
  const base = i * side * side;
  const at = (y: number, x: number): number =>
    y < 0 || x < 0 || y >= side || x >= side ? 0 : masks[base + y * side + x]!;
  for (let y = 0; y < region.height; y += 1) {
    const v = rows[y]!;
    if (!(v > -1 && v < side)) continue;
    const top = Math.floor(v);
    const shareY = round(v - top);
    for (let x = 0; x < region.width; x += 1) {
      const u = columns[x]!;
      if (!(u > -1 && u < side)) continue;
      const left = Math.floor(u);
      const shareX = round(u - left);
      const value =
        at(top, left) * (1 - shareX) * (1 - shareY) +
        at(top, left + 1) * shareX * (1 - shareY) +
        at(top + 1, left) * (1 - shareX) * shareY +
        at(top + 1, left + 1) * shareX * shareY;
      receive((region.y + y) * width + region.x + x, round(value));
    }
  }
}

function regionOf(boxes: BoxArray, i: number, height: number, width: number): Region {
  const x = Math.max(Math.floor(boxes[4 * i]!) - 1, 0);
  const y = Math.max(Math.floor(boxes[4 * i + 1]!) - 1, 0);
  const right = Math.min(Math.ceil(boxes[4 * i + 2]!) + 1, width);
  const bottom = Math.min(Math.ceil(boxes[4 * i + 3]!) + 1, height);
  return { x, y, width: right - x, height: bottom - y };
}

/** Mask coordinate of each pixel centre of one axis, with the float32 steps of a normalized sampling grid. */
function axisPositions(from: number, to: number, start: number, count: number, side: number): Float32Array {
  const positions = new Float32Array(count);
  const length = round(to - from);
  for (let k = 0; k < count; k += 1) {
    const share = round(round(start + k + 0.5 - from) / length);
    const grid = round(round(share * 2) - 1);
    positions[k] = round(round(round(grid + 1) * side) - 1) / 2;
  }
  return positions;
}
