import * as tf from '@tensorflow/tfjs-core';
import type { RgbImage } from '@u2seg/core';
import { sizeDivisor, type DetectorConfig } from '../config/config.ts';

/** Normalized images, padded right and below with zeros to one size divisible by 32. [B, H, W, 3] */
export function imageBatch(images: readonly RgbImage[], config: DetectorConfig): tf.Tensor4D {
  const divisible = (size: number): number => Math.ceil(size / sizeDivisor) * sizeDivisor;
  const height = divisible(Math.max(...images.map((image) => image.height)));
  const width = divisible(Math.max(...images.map((image) => image.width)));
  const data = new Float32Array(images.length * height * width * 3);
  const values = [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, value) => (value - config.pixelMean[channel]!) / config.pixelStd[channel]!),
  ) as [Float32Array, Float32Array, Float32Array];
  const [red, green, blue] = values;
  for (const [b, image] of images.entries()) {
    for (let y = 0; y < image.height; y += 1) {
      const from = y * image.width * 3;
      const to = (b * height + y) * width * 3;
      for (let k = 0; k < image.width * 3; k += 3) {
        data[to + k] = red[image.data[from + k]!]!;
        data[to + k + 1] = green[image.data[from + k + 1]!]!;
        data[to + k + 2] = blue[image.data[from + k + 2]!]!;
      }
    }
  }
  return tf.tensor4d(data, [images.length, height, width, 3]);
}
