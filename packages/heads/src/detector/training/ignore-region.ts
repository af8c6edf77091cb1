import type { BinaryMask } from '@u2seg/core';
import type { BoxArray } from '../../boxes/box-array.ts';

/** A box is ignored when at least this share of it lies in the ignored region. */
export const minIgnoredRatio = 0.5;

/** Which boxes lie mostly inside `region`, by a summed-area table. [N] of booleans; all false without a region. */
export function ignoredBoxes(boxes: BoxArray, region: BinaryMask | undefined): Uint8Array {
  const result = new Uint8Array(boxes.length / 4);
  if (region === undefined) return result;
  const { data, height, width } = region;
  const sums = new Float64Array((height + 1) * (width + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      row += data[y * width + x]!;
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1]! + row;
    }
  }
  const within = (value: number, limit: number): number => Math.min(Math.max(Math.round(value), 0), limit);
  for (let i = 0; i < result.length; i += 1) {
    const left = within(boxes[4 * i]!, width);
    const right = within(boxes[4 * i + 2]!, width);
    const top = within(boxes[4 * i + 1]!, height) * (width + 1);
    const bottom = within(boxes[4 * i + 3]!, height) * (width + 1);
    const covered = sums[bottom + right]! - sums[bottom + left]! - sums[top + right]! + sums[top + left]!;
    const area = (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    if (area > 0 && covered / area >= minIgnoredRatio) result[i] = 1;
  }
  return result;
}
