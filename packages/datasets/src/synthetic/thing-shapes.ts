/** The objects of a scene: eight classes, each a shape with a texture of its own. Local coordinates: the object fills about [-1, 1]. */
import type { Rng } from '@u2seg/core';
import type { Colour } from './stuff-textures.ts';
import { hash2, mix, valueNoise, square, wave } from './value-noise.ts';

export const thingNames = ['ball', 'crate', 'star', 'tyre', 'kite', 'beetle', 'tent', 'fish'] as const;
export type ThingName = (typeof thingNames)[number];

/** One object before it is placed. */
export interface ThingModel {
  /** Whether a local point belongs to the object. */
  readonly contains: (u: number, v: number) => boolean;
  /** Colour of a local point that belongs to it, before light. */
  readonly colour: (u: number, v: number) => Colour;
  /** Whether light rounds it off towards the rim (balls) or hits it flat (crates). */
  readonly round: boolean;
  /** Largest turn from upright, in turns; tents stand, stars tumble. */
  readonly maxTurn: number;
}

/** Draws one object of a class: proportions, colours and pattern vary, the recipe does not. */
export function thingModel(name: ThingName, rng: Rng): ThingModel {
  return makers[name](rng, Math.floor(rng() * 4294967296) | 0);
}

const makers: Readonly<Record<ThingName, (rng: Rng, seed: number) => ThingModel>> = {
  ball: (rng) => {
    const flat = 0.9 + 0.1 * rng();
    const bands = 2 + Math.floor(rng() * 2);
    const [first, second] = [vary(rng, [214, 50, 44]), vary(rng, [244, 240, 228])];
    return {
      contains: (u, v) => u * u + square(v / flat) < 1,
      colour: (u, v) => (wave((bands * u) / (2.6 - 1.1 * v * v)) > 0 ? first : second),
      round: true,
      maxTurn: 0.5,
    };
  },
  crate: (rng, seed) => {
    const ratio = 0.7 + 0.3 * rng();
    const wood = vary(rng, [170, 118, 62]);
    const planks = 3 + Math.floor(rng() * 2);
    return {
      contains: (u, v) => Math.abs(u) < 0.92 && Math.abs(v) < 0.92 * ratio,
      colour: (u, v) => {
        const frame = Math.abs(u) > 0.76 || Math.abs(v) > 0.92 * ratio - 0.16 || Math.abs(u * ratio + v) < 0.1;
        const seam = wave((v / ratio) * planks * 0.5 + 0.25) < -0.93;
        const grain = 0.75 + 0.3 * valueNoise(u * 3, v * 22, seed);
        return scale(wood, (frame ? 1.25 : seam ? 0.45 : 0.95) * grain);
      },
      round: false,
      maxTurn: 0.04,
    };
  },
  star: (rng, seed) => {
    const gold = vary(rng, [238, 190, 44]);
    const inner = 0.4 + 0.08 * rng();
    return {
      contains: (u, v) => insideStar(u, v, inner),
      colour: (u, v) => scale(gold, 0.86 + 0.22 * valueNoise(u * 9, v * 9, seed)),
      round: true,
      maxTurn: 0.5,
    };
  },
  tyre: (rng, seed) => {
    const hole = 0.42 + 0.12 * rng();
    const rubber = vary(rng, [46, 46, 52]);
    return {
      contains: (u, v) => between(u * u + v * v, hole * hole, 1),
      colour: (u, v) => {
        const r = u * u + v * v;
        const wall = between(r, 0.5, 0.62);
        return wall ? [206, 206, 200] : scale(rubber, 0.8 + 0.9 * valueNoise(u * 14, v * 14, seed));
      },
      round: false,
      maxTurn: 0,
    };
  },
  kite: (rng) => {
    const [first, second] = [vary(rng, [126, 44, 160]), vary(rng, [240, 132, 30])];
    const middle = -0.15 - 0.2 * rng();
    return {
      contains: (u, v) =>
        Math.abs(u) / 0.72 + (v < middle ? (middle - v) / (1 + middle) : (v - middle) / (1 - middle)) < 1,
      colour: (u, v) => (Math.abs(u) < 0.04 ? [60, 44, 40] : u > 0 === v > middle ? first : second),
      round: false,
      maxTurn: 0.12,
    };
  },
  beetle: (rng, seed) => {
    const shell = vary(rng, [36, 140, 132]);
    const bumps = [rng(), rng(), rng()];
    return {
      contains: (u, v) => {
        const bent =
          0.82 + 0.1 * wave(bumps[0]! + 0.6 * u) + 0.08 * wave(bumps[1]! + 0.7 * v) + 0.06 * wave(bumps[2]! + u - v);
        return u * u + square(v * 1.25) < bent * bent;
      },
      colour: (u, v) => {
        const [x, y] = [Math.floor(u * 3 + 20), Math.floor(v * 3 + 20)];
        const du = u * 3 + 20 - x - 0.5 - 0.2 * (hash2(x, y, seed) - 0.5);
        const dv = v * 3 + 20 - y - 0.5 - 0.2 * (hash2(y, x, seed) - 0.5);
        return du * du + dv * dv < 0.085 ? [20, 22, 30] : shell;
      },
      round: true,
      maxTurn: 0.5,
    };
  },
  tent: (rng) => {
    const [first, second] = [vary(rng, [50, 92, 190]), vary(rng, [226, 226, 214])];
    const lean = 0.24 * (rng() - 0.5);
    const stripes = 2 + Math.floor(rng() * 2);
    return {
      contains: (u, v) => v < 0.8 && Math.abs(u - lean * (0.8 - v)) < (v + 0.9) * 0.56,
      colour: (u, v) => {
        const across = (u - lean * (0.8 - v)) / ((v + 0.9) * 0.56 + 1e-6);
        if (Math.abs(across) < 0.2 && v > 0) return [52, 46, 44];
        return wave(across * stripes * 0.5 + 0.25) > 0 ? first : second;
      },
      round: false,
      maxTurn: 0.02,
    };
  },
  fish: (rng) => {
    const [back, belly] = [vary(rng, [228, 106, 60]), vary(rng, [246, 206, 150])];
    const facing = rng() < 0.5 ? -1 : 1;
    return {
      contains: (u, v) => {
        const x = u * facing;
        return (
          square((x - 0.2) / 0.8) + square(v / 0.48) < 1 ||
          (x < -0.35 && x > -1 && Math.abs(v) < 0.15 + (-0.35 - x) * 0.6)
        );
      },
      colour: (u, v) => {
        const x = u * facing;
        if (square(x - 0.68) + square(v + 0.1) < 0.009) return [16, 16, 20];
        const scales = wave(x * 4) * wave(v * 5 + 0.25 * Math.floor(x * 8)) > 0.35;
        return scale(v < 0.08 ? back : belly, scales && x < 0.5 ? 0.78 : 1);
      },
      round: true,
      maxTurn: 0.06,
    };
  },
};

/** Corners of a five-pointed star of radius 1: cosine and sine of multiples of a tenth of a turn. */
const tenths: readonly (readonly [number, number])[] = [
  [0, -1],
  [0.5877852522924731, -0.8090169943749475],
  [0.9510565162951535, -0.3090169943749474],
  [0.9510565162951535, 0.3090169943749474],
  [0.5877852522924731, 0.8090169943749475],
  [0, 1],
  [-0.5877852522924731, 0.8090169943749475],
  [-0.9510565162951535, 0.3090169943749474],
  [-0.9510565162951535, -0.3090169943749474],
  [-0.5877852522924731, -0.8090169943749475],
];

function insideStar(u: number, v: number, inner: number): boolean {
  let inside = false;
  for (let i = 0, j = 9; i < 10; j = i, i += 1) {
    const [si, sj] = [i % 2 === 0 ? 1 : inner, j % 2 === 0 ? 1 : inner];
    const [xi, yi] = [tenths[i]![0] * si, tenths[i]![1] * si];
    const [xj, yj] = [tenths[j]![0] * sj, tenths[j]![1] * sj];
    if (yi > v !== yj > v && u < ((xj - xi) * (v - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** A colour near `base`: objects of one class resemble, they are not copies. */
function vary(rng: Rng, base: Colour): Colour {
  const light = mix(0.85, 1.12, rng());
  return [
    base[0] * light + 24 * (rng() - 0.5),
    base[1] * light + 24 * (rng() - 0.5),
    base[2] * light + 24 * (rng() - 0.5),
  ];
}

function scale([r, g, b]: Colour, factor: number): Colour {
  return [r * factor, g * factor, b * factor];
}

function between(value: number, low: number, high: number): boolean {
  return value > low && value < high;
}
