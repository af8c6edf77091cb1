import type { RgbImage } from '@u2seg/core';

/** Standard deviations, in pixels of the working image, at which edges are looked for. */
const scales: readonly number[] = [1, 2, 4];
const scaleWeights: readonly number[] = [0.5, 0.3, 0.2];

/**
 * Brightness and two colour differences of gamma-coded levels, in [0, 1] and [-1/2, 1/2]: about as even to the eye as L*a*b*, at
 * three additions a pixel.
 *
 * @returns [3, H, W]
 */
export function opponentPlanes(image: RgbImage): Float32Array {
  const n = image.height * image.width;
  const planes = new Float32Array(3 * n);
  for (let i = 0; i < n; i += 1) {
    const r = image.data[3 * i]! / 255;
    const g = image.data[3 * i + 1]! / 255;
    const b = image.data[3 * i + 2]! / 255;
    planes[i] = (r + g + b) / 3;
    planes[n + i] = (r - b) / 2;
    planes[2 * n + i] = (2 * g - r - b) / 4;
  }
  return planes;
}

/**
 * How strongly the colour changes at each pixel: the largest eigenvalue of the colour tensor (Di Zenzo 1986), its root taken, at
 * three sizes.
 *
 * @param planes - [3, H, W]
 * @returns [H, W], at least 0
 */
export function boundaryStrength(planes: Float32Array, height: number, width: number): Float32Array {
  const n = height * width;
  const strength = new Float32Array(n);
  scales.forEach((sigma, s) => {
    const [xx, xy, yy] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)];
    for (let c = 0; c < 3; c += 1) {
      const plane = blurred(planes.subarray(c * n, (c + 1) * n), height, width, sigma);
      const weight = c === 0 ? 1 : 2;
      for (let y = 0, i = 0; y < height; y += 1) {
        const up = y > 0 ? -width : 0;
        const down = y < height - 1 ? width : 0;
        for (let x = 0; x < width; x += 1, i += 1) {
          const dx = weight * (plane[x < width - 1 ? i + 1 : i]! - plane[x > 0 ? i - 1 : i]!);
          const dy = weight * (plane[i + down]! - plane[i + up]!);
          xx[i]! += dx * dx;
          xy[i]! += dx * dy;
          yy[i]! += dy * dy;
        }
      }
    }
    const factor = scaleWeights[s]! * sigma;
    for (let i = 0; i < n; i += 1) {
      const half = (xx[i]! + yy[i]!) / 2;
      const root = Math.sqrt(Math.max(0, ((xx[i]! - yy[i]!) / 2) ** 2 + xy[i]! * xy[i]!));
      strength[i]! += factor * Math.sqrt(half + root);
    }
  });
  return strength;
}

/** Gaussian blur by three box means on each axis; edges are repeated. */
export function blurred(plane: Float32Array, height: number, width: number, sigma: number): Float32Array {
  const radius = Math.max(1, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2));
  const from = plane.slice();
  const to = new Float32Array(plane.length);
  for (let pass = 0; pass < 3; pass += 1) {
    for (let y = 0; y < height; y += 1) boxLine(from, to, y * width, 1, width, radius);
    for (let x = 0; x < width; x += 1) boxLine(to, from, x, width, height, radius);
  }
  return from;
}

function boxLine(
  from: Float32Array,
  to: Float32Array,
  first: number,
  step: number,
  length: number,
  radius: number,
): void {
  const last = length - 1;
  const at = (i: number): number => first + step * (i < 0 ? 0 : i > last ? last : i);
  let sum = 0;
  for (let i = -radius; i <= radius; i += 1) sum += from[at(i)]!;
  const scale = 1 / (2 * radius + 1);
  for (let i = 0; i < length; i += 1) {
    to[first + step * i] = sum * scale;
    sum += from[at(i + radius + 1)]! - from[at(i - radius)]!;
  }
}
