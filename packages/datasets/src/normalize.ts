import { assertImage, type RgbImage } from '@u2seg/core';

/** R G B mean of ImageNet as torchvision and DINO use it, of values in [0, 1]. */
export const imagenetMean: readonly [number, number, number] = [0.485, 0.456, 0.406];
/** R G B standard deviation of ImageNet, of values in [0, 1]. */
export const imagenetStd: readonly [number, number, number] = [0.229, 0.224, 0.225];

/**
 * Normalizes an image as torchvision's `ToTensor` and `Normalize` do, in float32: `(x / 255 - mean) / std`.
 *
 * @returns [3, H, W], R G B planes
 * @throws U2SegError `shape-mismatch`
 */
export function normalizeImagenet(image: RgbImage): Float32Array {
  assertImage('normalizeImagenet', image);
  const pixels = image.height * image.width;
  const out = new Float32Array(pixels * 3);
  for (let c = 0; c < 3; c += 1) {
    const table = Float32Array.from({ length: 256 }, (_, value) => {
      const centred = Math.fround(Math.fround(value / 255) - Math.fround(imagenetMean[c]!));
      return centred / Math.fround(imagenetStd[c]!);
    });
    for (let i = 0, at = c; i < pixels; i += 1, at += 3) out[c * pixels + i] = table[image.data[at]!]!;
  }
  return out;
}
