import { resampleNearest } from '@u2seg/core';

/**
 * Members of the 4-connected component that contains `seed`: the cells with the seed's value reachable from it.
 *
 * [H, W] -> [H, W] of 0 and 1.
 */
export function componentAt(mask: Uint8Array, height: number, width: number, seed: number): Uint8Array {
  const component = new Uint8Array(height * width);
  const value = mask[seed] === 0 ? 0 : 1;
  const stack = [seed];
  component[seed] = 1;
  while (stack.length > 0) {
    const at = stack.pop()!;
    const x = at % width;
    const visit = (next: number): void => {
      if (component[next] === 0 && (mask[next] === 0 ? 0 : 1) === value) {
        component[next] = 1;
        stack.push(next);
      }
    };
    if (x > 0) visit(at - 1);
    if (x + 1 < width) visit(at + 1);
    if (at >= width) visit(at - width);
    if (at + width < mask.length) visit(at + width);
  }
  return component;
}

/**
 * Fills what the mask encloses: cells that no 4-connected path of zeros joins to the border become 1, as
 * `scipy.ndimage.binary_fill_holes` does.
 */
export function fillHoles(mask: Uint8Array, height: number, width: number): Uint8Array {
  // A rim that counts as visited keeps the search inside without looking at coordinates.
  const stride = width + 2;
  const state = new Uint8Array((height + 2) * stride).fill(2);
  for (let y = 0; y < height; y += 1) {
    const row = (y + 1) * stride + 1;
    for (let x = 0; x < width; x += 1) state[row + x] = mask[y * width + x] === 0 ? 0 : 1;
  }
  const stack = new Int32Array(height * width);
  let top = 0;
  const visit = (at: number): void => {
    if (state[at] === 0) {
      state[at] = 2;
      stack[top] = at;
      top += 1;
    }
  };
  for (let x = 1; x <= width; x += 1) {
    visit(stride + x);
    visit(height * stride + x);
  }
  for (let y = 1; y <= height; y += 1) {
    visit(y * stride + 1);
    visit(y * stride + width);
  }
  while (top > 0) {
    top -= 1;
    const at = stack[top]!;
    visit(at - 1);
    visit(at + 1);
    visit(at - stride);
    visit(at + stride);
  }
  const filled = new Uint8Array(height * width);
  for (let y = 0; y < height; y += 1) {
    const row = (y + 1) * stride + 1;
    for (let x = 0; x < width; x += 1) filled[y * width + x] = state[row + x] === 2 ? 0 : 1;
  }
  return filled;
}

/**
 * Mask at another size: target cell `t` takes the cell `floor(t * from / to)`, exactly. Torch, whose quotient is a float32,
 * takes the one before for some sizes.
 */
export function resizeNearest(
  mask: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  return resampleNearest(mask, { height, width }, toHeight, toWidth, { coordinates: 'exact' });
}

/** Number of cells set. */
export function areaOf(mask: Uint8Array): number {
  let area = 0;
  for (let i = 0; i < mask.length; i += 1) if (mask[i] !== 0) area += 1;
  return area;
}

/** Intersection over union of two masks; NaN where both are empty, as 0 / 0 is. */
export function maskIou(a: Uint8Array, b: Uint8Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== 0 && b[i] !== 0) both += 1;
    if (a[i] !== 0 || b[i] !== 0) either += 1;
  }
  return both / either;
}
