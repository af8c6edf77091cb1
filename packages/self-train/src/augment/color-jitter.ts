import type { RgbImage, SeededRng } from '@u2seg/core';

/** Largest relative changes; each factor is drawn from [1 - x, 1 + x]. */
export interface ColorJitter {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
}

/** Weights of R, G and B in an image's grey value (ITU-R 601). */
const luma = [0.299, 0.587, 0.114] as const;

/** Blends with black, with the photo's mean and with its grey version, in this order, by three drawn factors. */
export function jitterColor(image: RgbImage, jitter: ColorJitter, rng: SeededRng): RgbImage {
  const draw = (strength: number): number => 1 + strength * (2 * rng.next() - 1);
  const brightness = draw(jitter.brightness);
  const contrast = draw(jitter.contrast);
  const saturation = draw(jitter.saturation);
  let sum = 0;
  for (const value of image.data) sum += value;
  const mean = (brightness * sum) / image.data.length;
  const data = new Uint8Array(image.data.length);
  const pixel = [0, 0, 0];
  for (let at = 0; at < data.length; at += 3) {
    for (let c = 0; c < 3; c += 1) pixel[c] = mean + contrast * (brightness * image.data[at + c]! - mean);
    const grey = luma[0] * pixel[0]! + luma[1] * pixel[1]! + luma[2] * pixel[2]!;
    for (let c = 0; c < 3; c += 1) {
      data[at + c] = Math.max(0, Math.min(255, Math.round(grey + saturation * (pixel[c]! - grey))));
    }
  }
  return { data, height: image.height, width: image.width };
}
