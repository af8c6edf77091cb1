import { U2SegError } from '@u2seg/core';

/** Anchors of the levels of a feature pyramid. */
export interface AnchorOptions {
  /** Side lengths in pixels (square root of the area), one list a level. */
  readonly sizes: readonly (readonly number[])[];
  /** Height over width. */
  readonly aspectRatios: readonly number[];
}

/** Values of every configuration used here (detectron2's `Base-RCNN-FPN`). */
export const anchorDefaults: Required<AnchorOptions> = {
  sizes: [[32], [64], [128], [256], [512]],
  aspectRatios: [0.5, 1, 2],
};

/** Anchors around the origin: sizes outer, aspect ratios inner. [A, 4] pixels */
export function cellAnchors(sizes: readonly number[], aspectRatios: readonly number[]): Float32Array {
  const anchors: number[] = [];
  for (const size of sizes) {
    for (const ratio of aspectRatios) {
      const width = Math.sqrt(size ** 2 / ratio);
      const height = ratio * width;
      anchors.push(-width / 2, -height / 2, width / 2, height / 2);
    }
  }
  return Float32Array.from(anchors);
}

/** Anchors of one level in row-major grid order, cell anchors innermost. [gridH * gridW * A, 4] pixels */
export function gridAnchors(cells: Float32Array, gridH: number, gridW: number, stride: number): Float32Array {
  const perCell = cells.length / 4;
  const result = new Float32Array(gridH * gridW * cells.length);
  let at = 0;
  for (let y = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      for (let a = 0; a < perCell; a += 1, at += 4) {
        result[at] = x * stride + cells[4 * a]!;
        result[at + 1] = y * stride + cells[4 * a + 1]!;
        result[at + 2] = x * stride + cells[4 * a + 2]!;
        result[at + 3] = y * stride + cells[4 * a + 3]!;
      }
    }
  }
  return result;
}

/**
 * Anchors of every level of a pyramid.
 *
 * @throws U2SegError `shape-mismatch` unless there is one size list (or a single one for all) per level
 */
export function pyramidAnchors(
  grids: readonly { readonly height: number; readonly width: number; readonly stride: number }[],
  options: AnchorOptions = anchorDefaults,
): Float32Array[] {
  if (options.sizes.length !== grids.length && options.sizes.length !== 1) {
    throw new U2SegError(
      'shape-mismatch',
      `pyramidAnchors: sizes must have 1 or ${grids.length} lists, got ${options.sizes.length}.`,
    );
  }
  return grids.map(({ height, width, stride }, level) => {
    const sizes = options.sizes[Math.min(level, options.sizes.length - 1)]!;
    return gridAnchors(cellAnchors(sizes, options.aspectRatios), height, width, stride);
  });
}
