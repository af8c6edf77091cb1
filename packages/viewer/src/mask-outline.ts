/** A binary mask as the SVG path around its pixels: filled by the even-odd rule it covers exactly the pixels set. */
import type { BinaryMask } from '@u2seg/core';

/** Directions of an outline step, clockwise in image coordinates (y down). */
const right = 0;
const down = 1;
const left = 2;
const up = 3;
const stepX: readonly number[] = [1, 0, -1, 0];
const stepY: readonly number[] = [0, 1, 0, -1];

/**
 * Traces the borders of a mask.
 *
 * 1. every side of a set pixel that faces an unset one (or the rim) is a step with the pixel on its right hand;
 * 2. steps are chained into closed loops, holes included; where two pixels touch at a corner the loop turns right;
 * 3. steps in one direction become one `h` or `v` command.
 *
 * @returns path data in pixels, relative commands, `M` per loop in row order; empty for an empty mask
 */
export function maskOutline(mask: BinaryMask): string {
  const { height, width } = mask;
  const columns = width + 1;
  const leaving = stepsLeavingCorners(mask);
  let path = '';
  for (let corner = 0; corner < leaving.length; corner += 1) {
    while (leaving[corner] !== 0) path += tracedLoop(leaving, corner, columns, height);
  }
  return path;
}

/** [H + 1, W + 1] bit `1 << direction` for each border step that starts at the corner. */
function stepsLeavingCorners({ data, height, width }: BinaryMask): Uint8Array {
  const columns = width + 1;
  const leaving = new Uint8Array((height + 1) * columns);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (data[at] === 0) continue;
      const corner = y * columns + x;
      if (y === 0 || data[at - width] === 0) leaving[corner]! |= 1 << right;
      if (x === width - 1 || data[at + 1] === 0) leaving[corner + 1]! |= 1 << down;
      if (y === height - 1 || data[at + width] === 0) leaving[corner + columns + 1]! |= 1 << left;
      if (x === 0 || data[at - 1] === 0) leaving[corner + columns]! |= 1 << up;
    }
  }
  return leaving;
}

function tracedLoop(leaving: Uint8Array, start: number, columns: number, height: number): string {
  let x = start % columns;
  let y = (start - x) / columns;
  let path = `M${x} ${y}`;
  let corner = start;
  let direction = firstDirection(leaving[start]!);
  let run = 0;
  const longest = leaving.length * 2 + height;
  for (let steps = 0; steps <= longest; steps += 1) {
    leaving[corner]! &= ~(1 << direction);
    x += stepX[direction]!;
    y += stepY[direction]!;
    run += 1;
    corner = y * columns + x;
    const next = turnAt(leaving[corner]!, direction);
    if (next === direction) continue;
    // the last side of a loop is drawn by `z`
    if (next < 0) break;
    path += command(direction, run);
    direction = next;
    run = 0;
  }
  return `${path}z`;
}

function firstDirection(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** Right turn before straight before left turn; -1 where the loop is closed. */
function turnAt(bits: number, direction: number): number {
  for (const turn of [1, 0, 3]) {
    const next = (direction + turn) & 3;
    if ((bits & (1 << next)) !== 0) return next;
  }
  return -1;
}

function command(direction: number, run: number): string {
  const signed = direction === right || direction === down ? run : -run;
  return `${direction === right || direction === left ? 'h' : 'v'}${signed}`;
}
