import type { BinaryMask } from '@u2seg/core';
import type { BoxArray } from './box-array.ts';
import { roiAlignForward } from './roi-align-kernel.ts';

/**
 * Training targets of a mask head: each mask cropped to its box and resized to `side` by ROIAlign at image scale, then
 * 1 where the mean is at least 0.5.
 *
 * @param masks - one per box (repeats allowed)
 * @returns [N, side, side] of 0 and 1
 */
export function cropAndResizeMasks(masks: readonly BinaryMask[], boxesXyxy: BoxArray, side: number): Float32Array {
  const result = new Float32Array(masks.length * side * side);
  const floats = new Map<BinaryMask, Float32Array>();
  const image = new Int32Array(1);
  for (const [i, mask] of masks.entries()) {
    let data = floats.get(mask);
    if (data === undefined) floats.set(mask, (data = new Float32Array(mask.data)));
    const pooled = roiAlignForward(
      data,
      { height: mask.height, width: mask.width, channels: 1 },
      boxesXyxy.subarray(4 * i, 4 * i + 4),
      image,
      { outputSize: side, spatialScale: 1, samplingRatio: 0 },
    );
    for (let k = 0; k < pooled.length; k += 1) result[i * pooled.length + k] = pooled[k]! >= 0.5 ? 1 : 0;
  }
  return result;
}

/** Tight box (x1, y1, x2, y2) around the ones of a mask, far edges exclusive; all zero for an empty mask. */
export function maskBox(mask: BinaryMask): [number, number, number, number] {
  const { data, height, width } = mask;
  let left = width;
  let right = -1;
  let top = height;
  let bottom = -1;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (data[y * width + x] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? [0, 0, 0, 0] : [left, top, right + 1, bottom + 1];
}
