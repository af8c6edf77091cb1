import type { RgbImage } from '@u2seg/core';

/**
 * The image itself, or its area average at a size of at most `maxPixels`: what the CRF costs grows with the pixels, what
 * it adds beyond the size of the patches' own image does not.
 */
export function workingImage(image: RgbImage, maxPixels: number): RgbImage {
  const ratio = Math.sqrt(maxPixels / (image.height * image.width));
  if (ratio >= 1) return image;
  const height = Math.max(1, Math.floor(image.height * ratio));
  const width = Math.max(1, Math.floor(image.width * ratio));
  const across = averageRows(image.data, image.height, image.width, width);
  const down = averageColumns(across, image.height, height, width);
  return { data: Uint8Array.from(down, Math.round), height, width };
}

/** Spans of source pixels, with the weight of each, that one target pixel covers. */
function spans(from: number, to: number): { first: number; weights: number[] }[] {
  const step = from / to;
  return Array.from({ length: to }, (_, t) => {
    const [low, high] = [t * step, Math.min(from, (t + 1) * step)];
    const first = Math.floor(low);
    const weights: number[] = [];
    for (let s = first; s < high; s += 1) weights.push((Math.min(s + 1, high) - Math.max(s, low)) / (high - low));
    return { first, weights };
  });
}

function averageRows(data: Uint8Array, height: number, width: number, toWidth: number): Float32Array {
  const out = new Float32Array(height * toWidth * 3);
  const cover = spans(width, toWidth);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < toWidth; x += 1) {
      const { first, weights } = cover[x]!;
      for (let c = 0; c < 3; c += 1) {
        let sum = 0;
        for (let k = 0; k < weights.length; k += 1) sum += weights[k]! * data[(y * width + first + k) * 3 + c]!;
        out[(y * toWidth + x) * 3 + c] = sum;
      }
    }
  }
  return out;
}

function averageColumns(data: Float32Array, height: number, toHeight: number, width: number): Float32Array {
  const out = new Float32Array(toHeight * width * 3);
  const cover = spans(height, toHeight);
  for (let y = 0; y < toHeight; y += 1) {
    const { first, weights } = cover[y]!;
    for (let k = 0; k < weights.length; k += 1) {
      const from = (first + k) * width * 3;
      for (let x = 0; x < width * 3; x += 1) out[y * width * 3 + x]! += weights[k]! * data[from + x]!;
    }
  }
  return out;
}
