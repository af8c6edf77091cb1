import { assertInteger, assertLength, U2SegError } from './errors.ts';
import type { RgbImage } from './image.ts';

/**
 * Dense features of one image on the ViT patch grid.
 *
 * Patch `i` covers input pixels `[y, y + patchSize) x [x, x + patchSize)` with
 * `y = patchSize * floor(i / gridW)` and `x = patchSize * (i % gridW)`.
 */
export interface PatchFeatures {
  /** [N, D] row-major, N = gridH * gridW. Not normalized. */
  readonly data: Float32Array;
  readonly gridH: number;
  readonly gridW: number;
  /** D, the feature width: 384 for ViT-S, 768 for ViT-B. */
  readonly dim: number;
  /** Side of one square patch, in input pixels. */
  readonly patchSize: number;
  /** [D'] global descriptor of the image (the CLS token of a ViT), where the backbone has one. */
  readonly cls?: Float32Array;
}

/** What a backbone is, for tables, reports and licences. */
export interface BackboneInfo {
  /** For example `dino-vits8` or `embedded-descriptors`. */
  readonly name: string;
  /** D of the patch features. */
  readonly dim: number;
  /** Width of the global descriptor, 0 where there is none. */
  readonly clsDim: number;
  /** Side of one square patch, in input pixels. */
  readonly patchSize: number;
  /** Licence of the weights, as an SPDX expression where there is one. */
  readonly license: string;
  /** SHA-256 of the weights in hex, or `none` where there are no weights. */
  readonly weightsSha256: string;
}

/** Image to patch features: a loaded network or descriptor bank. */
export interface Backbone {
  readonly info: BackboneInfo;
  /**
   * Features of one image, taken at the size given: resizing is the caller's. Height and width must be multiples of
   * `info.patchSize`.
   */
  extract(image: RgbImage): Promise<PatchFeatures>;
  dispose(): Promise<void>;
}

/**
 * Checks features once, at the boundary of a stage: sizes, and no NaN or infinity.
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range`, or `bad-format` for a value that is not finite
 */
export function assertPatchFeatures(where: string, features: PatchFeatures): void {
  const { data, gridH, gridW, dim } = features;
  assertInteger(`${where}: features.gridH`, gridH, 1);
  assertInteger(`${where}: features.gridW`, gridW, 1);
  assertInteger(`${where}: features.dim`, dim, 1);
  assertLength(`${where}: features.data`, data.length, [gridH * gridW, dim]);
  for (let i = 0; i < data.length; i += 1) {
    if (!Number.isFinite(data[i]!)) {
      const patch = Math.floor(i / dim);
      throw new U2SegError(
        'bad-format',
        `${where}: features.data must be finite, got ${data[i]} in patch ${patch}, dimension ${i % dim}.`,
      );
    }
  }
}
