/**
 * Noise and waves from sums, products and integer hashes only: these are rounded alike on every machine, which
 * `Math.sin` need not be.
 */

/** Periodic in 1, in [-1, 1]; close to `sin(2 pi x)`. */
export function wave(x: number): number {
  const t = x - Math.floor(x);
  return t < 0.5 ? 16 * t * (0.5 - t) : -16 * (t - 0.5) * (1 - t);
}

/** Hash of a lattice point to [0, 1). */
export function hash2(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** Smooth noise with features of size 1, in [0, 1). */
export function valueNoise(x: number, y: number, seed: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = smooth(x - x0);
  const fy = smooth(y - y0);
  const top = mix(hash2(x0, y0, seed), hash2(x0 + 1, y0, seed), fx);
  const bottom = mix(hash2(x0, y0 + 1, seed), hash2(x0 + 1, y0 + 1, seed), fx);
  return mix(top, bottom, fy);
}

/** Sum of `octaves` of {@link valueNoise}, each twice as fine and half as strong; in [0, 1). */
export function cloudNoise(x: number, y: number, seed: number, octaves: number): number {
  let sum = 0;
  let weight = 0.5;
  let total = 0;
  for (let i = 0, scale = 1; i < octaves; i += 1, scale *= 2, weight /= 2) {
    sum += weight * valueNoise(x * scale, y * scale, seed + i * 7919);
    total += weight;
  }
  return sum / total;
}

export function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function ramp(low: number, high: number, x: number): number {
  return smooth(Math.min(1, Math.max(0, (x - low) / (high - low))));
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/** `x ** 2` without `Math.pow`, whose last bit is the engine's choice. */
export function square(x: number): number {
  return x * x;
}
