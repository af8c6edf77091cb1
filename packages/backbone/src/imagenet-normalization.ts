import { assertImage, type RgbImage } from '@u2seg/core';

/** How pixels become the numbers a network was trained on: `(value / 255 - mean) / std` for each of R, G, B. */
export interface PixelNormalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** ImageNet's statistics, which DINO, DINOv2 and torchvision use. */
export const imagenetNormalization: PixelNormalization = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/**
 * Normalised pixels, channel first: [H, W, 3] bytes -> [3, H, W] float32, rounded as torchvision's ToTensor and Normalize do.
 */
export function normalizePixels(
  image: RgbImage,
  normalization: PixelNormalization = imagenetNormalization,
): Float32Array {
  assertImage('normalizePixels', image);
  const { data, height, width } = image;
  const pixels = height * width;
  const out = new Float32Array(3 * pixels);
  for (let channel = 0; channel < 3; channel += 1) {
    const mean = Math.fround(normalization.mean[channel]!);
    const std = Math.fround(normalization.std[channel]!);
    const table = Float32Array.from({ length: 256 }, (_, value) => {
      return Math.fround(Math.fround(Math.fround(value / 255) - mean) / std);
    });
    for (let i = 0; i < pixels; i += 1) out[channel * pixels + i] = table[data[3 * i + channel]!]!;
  }
  return out;
}
