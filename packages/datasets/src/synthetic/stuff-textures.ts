/** The grounds of a scene: sky, grass, water, sand and brick, each varied by its seed. */
import type { Rng } from '@u2seg/core';
import { cloudNoise, hash2, mix, ramp, valueNoise, wave } from './value-noise.ts';

/** R G B in [0, 255]. */
export type Colour = readonly [number, number, number];

/** Colour at a pixel; `depth` runs from 0 at the region's far edge to 1 at the bottom of the image. */
export type StuffTexture = (x: number, y: number, depth: number) => Colour;

export const stuffNames = ['sky', 'grass', 'water', 'sand', 'brick'] as const;
export type StuffName = (typeof stuffNames)[number];

/** Draws the variation (hue, grain, direction) of one region. */
export function stuffTexture(name: StuffName, rng: Rng): StuffTexture {
  const seed = Math.floor(rng() * 4294967296) | 0;
  const tint: Colour = [jitter(rng, 10), jitter(rng, 10), jitter(rng, 10)];
  return makers[name](seed, tint, rng);
}

const makers: Readonly<Record<StuffName, (seed: number, tint: Colour, rng: Rng) => StuffTexture>> = {
  sky: (seed, tint, rng) => {
    const cover = 0.45 + 0.2 * rng();
    return (x, y) => {
      const cloud = ramp(cover, cover + 0.25, cloudNoise(x / 60, y / 28, seed, 4));
      const height = Math.min(1, y / 150);
      return shade(
        [mix(92, 165, height), mix(146, 198, height), mix(214, 232, height)],
        [238, 240, 244],
        cloud * 0.85,
        tint,
      );
    };
  },
  grass: (seed, tint) => (x, y, depth) => {
    const fine = mix(2.2, 1, depth);
    const blades = valueNoise(x * 0.7 * fine, y * 0.24 * fine, seed);
    const patches = cloudNoise(x / 34, y / 22, seed + 1, 3);
    return shade([46, 96, 34], [128, 168, 66], 0.55 * blades + 0.6 * patches - 0.12, tint);
  },
  water: (seed, tint, rng) => {
    const length = 9 + 6 * rng();
    return (x, y, depth) => {
      const bend = 5 * valueNoise(x / 26, y / 12, seed);
      const ripple = wave((y + bend) / mix(length * 0.5, length, depth) + 0.4 * valueNoise(x / 40, y / 9, seed + 1));
      const glint = ramp(0.72, 0.95, valueNoise(x / 5, y / 1.6, seed + 2));
      return shade([24, 82, 104], [96, 168, 178], 0.42 + 0.3 * ripple + 0.5 * glint, tint);
    };
  },
  sand: (seed, tint) => (x, y, depth) => {
    const grain = hash2(x, y, seed);
    const ripple = wave((y + 9 * valueNoise(x / 45, y / 30, seed + 1)) / mix(6, 16, depth));
    const dunes = cloudNoise(x / 70, y / 40, seed + 2, 2);
    return shade([176, 142, 92], [232, 206, 156], 0.25 + 0.28 * grain + 0.14 * ripple + 0.3 * dunes, tint);
  },
  brick: (seed, tint, rng) => {
    const height = 9 + Math.floor(rng() * 4);
    const width = Math.floor(height * 2.3);
    return (x, y) => {
      const row = Math.floor(y / height);
      const shifted = x + (row & 1) * Math.floor(width / 2);
      const column = Math.floor(shifted / width);
      const mortar = y - row * height < 1.5 || shifted - column * width < 1.5;
      const grain = 0.25 * valueNoise(x / 1.7, y / 1.7, seed);
      if (mortar) return shade([150, 142, 132], [188, 180, 168], grain * 3, tint);
      return shade([122, 54, 42], [178, 96, 70], 0.75 * hash2(column, row, seed + 1) + grain, tint);
    };
  },
};

function shade(dark: Colour, bright: Colour, share: number, tint: Colour): Colour {
  const t = Math.min(1, Math.max(0, share));
  return [
    mix(dark[0], bright[0], t) + tint[0],
    mix(dark[1], bright[1], t) + tint[1],
    mix(dark[2], bright[2], t) + tint[2],
  ];
}

function jitter(rng: Rng, range: number): number {
  return (rng() - 0.5) * 2 * range;
}
