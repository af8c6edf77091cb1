import { assertInteger, assertLength } from './errors.ts';

/** An 8-bit sRGB image. */
export interface RgbImage {
  /** [H, W, 3] row-major, R G B. */
  readonly data: Uint8Array;
  /** H, in pixels. */
  readonly height: number;
  /** W, in pixels. */
  readonly width: number;
}

/** A binary mask: 1 where the object is, 0 elsewhere. */
export interface BinaryMask {
  /** [H, W] row-major, values 0 or 1. */
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/**
 * Checks an image once, at the boundary of a stage.
 *
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 */
export function assertImage(where: string, image: RgbImage): void {
  assertInteger(`${where}: image.height`, image.height, 1);
  assertInteger(`${where}: image.width`, image.width, 1);
  assertLength(`${where}: image.data`, image.data.length, [image.height, image.width, 3]);
}
