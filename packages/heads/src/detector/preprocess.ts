import * as tf from '@tensorflow/tfjs-core';
import type { RgbImage } from '@u2seg/core';
import { sizeDivisor, type DetectorConfig } from './config.ts';

/** Normalized images, padded right and below with zeros to one size divisible by 32. [B, H, W, 3] */
export function imageBatch(images: readonly RgbImage[], config: DetectorConfig): tf.Tensor4D {
  const divisible = (size: number): number => Math.ceil(size / sizeDivisor) * sizeDivisor;
  const height = divisible(Math.max(...images.map((image) => image.height)));
  const width = divisible(Math.max(...images.map((image) => image.width)));
  const data = new Float32Array(images.length * height * width * 3);
  for (const [b, image] of images.entries()) {
    for (let y = 0; y < image.height; y += 1) {
      const from = y * image.width * 3;
      const to = (b * height + y) * width * 3;
      for (let k = 0; k < image.width * 3; k += 1) {
        const channel = k % 3;
        data[to + k] = (image.data[from + k]! - config.pixelMean[channel]!) / config.pixelStd[channel]!;
      }
    }
  }
  return tf.tensor4d(data, [images.length, height, width, 3]);
}
