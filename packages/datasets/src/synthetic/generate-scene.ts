/** Synthetic scenes with exact panoptic ground truth: textured objects over textured grounds, drawn from a seed. */
import { assertInRange, assertInteger, deriveSeed, type RgbImage, type Rng, seededRng } from '@u2seg/core';
import type { PanopticMap } from '../label-png.ts';
import { type Colour, type StuffName, stuffNames, stuffTexture } from './stuff-textures.ts';
import { type ThingModel, thingModel, thingNames } from './thing-shapes.ts';
import { mix, valueNoise, square, wave } from './value-noise.ts';

export interface SceneOptions {
  /** Pixels. */
  readonly height?: number;
  readonly width?: number;
  /** Objects a scene, both inclusive. */
  readonly minThings?: number;
  readonly maxThings?: number;
  /** Standard deviation of the sensor noise, in levels of 255. */
  readonly noise?: number;
  /** An object less visible than this is not placed, and none is placed that hides another below it; share of its own area. */
  readonly minVisibleRatio?: number;
}

export const sceneDefaults: Required<SceneOptions> = {
  height: 192,
  width: 256,
  minThings: 1,
  maxThings: 5,
  noise: 4,
  minVisibleRatio: 0.4,
};

export interface SceneCategory {
  /** 1-based, things first, as in `categories` of the written JSON. */
  readonly id: number;
  readonly name: string;
  readonly isThing: boolean;
}

/** Eight things and five grounds. */
export const sceneCategories: readonly SceneCategory[] = [...thingNames, ...stuffNames].map((name, i) => ({
  id: i + 1,
  name,
  isThing: i < thingNames.length,
}));

export interface SceneSegment {
  /** Value in the panoptic map, > 0. */
  readonly id: number;
  readonly categoryId: number;
  readonly isThing: boolean;
}

export interface Scene {
  readonly image: RgbImage;
  /** Every pixel belongs to one segment; there is no void. */
  readonly panoptic: PanopticMap;
  /** Grounds from top to bottom, then objects from far to near; each occurs in the map. */
  readonly segments: readonly SceneSegment[];
}

/**
 * Draws one scene.
 *
 * 1. two or three grounds, split by wavy horizons;
 * 2. objects from far (small, high) to near (large, low), each with a soft shadow; nearer ones hide farther ones;
 * 3. light from one side, a vignette, a slight blur and sensor noise.
 *
 * Ground truth is the object at each pixel's centre, before blur and noise. The same seed gives the same bytes on every
 * machine: only additions, products and integer hashes enter.
 *
 * @throws U2SegError `out-of-range`
 */
export function generateScene(seed: number, options: SceneOptions = {}): Scene {
  const resolved = { ...sceneDefaults, ...options };
  const { height, width, minThings, maxThings } = resolved;
  assertInteger('generateScene: height', height, 32, 8192);
  assertInteger('generateScene: width', width, 32, 8192);
  assertInteger('generateScene: maxThings', maxThings, 0, 100);
  assertInteger('generateScene: minThings', minThings, 0, maxThings);
  assertInRange('generateScene: noise', resolved.noise, 0, 64);
  assertInRange('generateScene: minVisibleRatio', resolved.minVisibleRatio, 0, 1);
  const rng = seededRng(deriveSeed(seed, 'scene'));
  const canvas: Canvas = {
    height,
    width,
    colour: new Float32Array(height * width * 3),
    layer: new Uint16Array(height * width),
  };
  const segments = paintGrounds(canvas, rng);
  const count = minThings + Math.floor(rng() * (maxThings - minThings + 1));
  segments.push(...paintThings(canvas, count, segments.length, resolved.minVisibleRatio, rng));
  const ids = new Uint32Array(height * width);
  for (let i = 0; i < ids.length; i += 1) ids[i] = segments[canvas.layer[i]!]!.id;
  return {
    image: develop(canvas, resolved.noise, deriveSeed(seed, 'sensor'), rng),
    panoptic: { ids, height, width },
    segments,
  };
}

interface Canvas {
  readonly height: number;
  readonly width: number;
  /** [H, W, 3] linear in level, may leave [0, 255] until developed. */
  readonly colour: Float32Array;
  /** [H, W] index of the segment seen at the pixel. */
  readonly layer: Uint16Array;
}

/** Grounds that may lie above, in the middle and below. */
const places: readonly (readonly StuffName[])[] = [
  ['sky', 'sky', 'brick'],
  ['grass', 'water', 'brick', 'sand'],
  ['sand', 'grass', 'water'],
];

function paintGrounds(canvas: Canvas, rng: Rng): SceneSegment[] {
  const names: StuffName[] = [];
  for (const choices of rng() < 0.55 ? [places[0]!, places[2]!] : places) {
    const free = choices.filter((name) => !names.includes(name));
    names.push(free[Math.floor(rng() * free.length)]!);
  }
  const horizons = names.map((_, i) => makeHorizon(i / names.length, canvas, rng));
  const textures = names.map((name) => stuffTexture(name, rng));
  const { height, width, colour, layer } = canvas;
  for (let x = 0; x < width; x += 1) {
    const edges = horizons.map((horizon) => horizon(x));
    for (let y = 0, region = 0; y < height; y += 1) {
      while (region + 1 < names.length && y >= edges[region + 1]!) region += 1;
      const depth = Math.max(0, (y - edges[region]!) / Math.max(1, height - edges[region]!));
      colour.set(textures[region]!(x, y, depth), (y * width + x) * 3);
      layer[y * width + x] = region;
    }
  }
  return names.map((name, i) => segmentOf(i, thingNames.length + stuffNames.indexOf(name) + 1));
}

function makeHorizon(share: number, { height, width }: Canvas, rng: Rng): (x: number) => number {
  if (share === 0) return () => 0;
  const level = height * (share + 0.16 * (rng() - 0.5));
  const [swing, phase, rough] = [height * 0.05 * rng(), rng(), Math.floor(rng() * 65536)];
  return (x) => level + swing * wave(phase + x / width) + height * 0.03 * (valueNoise(x / 22, 0, rough) - 0.5);
}

function paintThings(canvas: Canvas, count: number, firstIndex: number, minVisible: number, rng: Rng): SceneSegment[] {
  const placed = Array.from({ length: count }, () => placeThing(canvas, rng)).sort((a, b) => a.y - b.y);
  const visible: { area: number; seen: number }[] = [];
  const segments: SceneSegment[] = [];
  for (const thing of placed) {
    const pixels = pixelsOf(thing, canvas);
    const hides = new Map<number, number>();
    for (const { at } of pixels) {
      const below = canvas.layer[at]! - firstIndex;
      if (below >= 0) hides.set(below, (hides.get(below) ?? 0) + 1);
    }
    const tooMuch = [...hides].some(([i, hidden]) => visible[i]!.seen - hidden < minVisible * visible[i]!.area);
    if (tooMuch || pixels.length < minVisible * thing.fullArea || pixels.length < 30) continue;
    for (const [i, hidden] of hides) visible[i]!.seen -= hidden;
    castShadow(canvas, thing);
    for (const { at, colour } of pixels) {
      canvas.layer[at] = firstIndex + segments.length;
      canvas.colour.set(colour, at * 3);
    }
    visible.push({ area: pixels.length, seen: pixels.length });
    segments.push(segmentOf(firstIndex + segments.length, thing.categoryId));
  }
  return segments;
}

interface PlacedThing {
  readonly categoryId: number;
  readonly model: ThingModel;
  /** Centre and half size, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly cos: number;
  readonly sin: number;
  /** Pixels it would cover if nothing cut it off. */
  readonly fullArea: number;
}

function placeThing({ height, width }: Canvas, rng: Rng): PlacedThing {
  const kind = Math.floor(rng() * thingNames.length);
  const model = thingModel(thingNames[kind]!, rng);
  const near = rng();
  const y = height * mix(0.3, 0.85, near);
  const size = Math.min(height, width) * mix(0.07, 0.17, near) * mix(0.75, 1.5, rng());
  const x = width * mix(0.04, 0.96, rng());
  // half-angle formulas turn a uniform number into an exact rotation without sine and cosine
  const t = wave(0.25 * (rng() - 0.5)) * model.maxTurn * 2;
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  let inside = 0;
  for (let v = -1.2; v < 1.2; v += 0.05) for (let u = -1.2; u < 1.2; u += 0.05) inside += model.contains(u, v) ? 1 : 0;
  return { categoryId: kind + 1, model, x, y, size, cos, sin, fullArea: inside * 0.0025 * size * size };
}

function pixelsOf(thing: PlacedThing, { height, width }: Canvas): { at: number; colour: Colour }[] {
  const { model, x, y, size, cos, sin } = thing;
  const reach = Math.ceil(size * 1.5);
  const pixels: { at: number; colour: Colour }[] = [];
  for (let py = Math.max(0, Math.floor(y - reach)); py < Math.min(height, y + reach); py += 1) {
    for (let px = Math.max(0, Math.floor(x - reach)); px < Math.min(width, x + reach); px += 1) {
      const [dx, dy] = [(px + 0.5 - x) / size, (py + 0.5 - y) / size];
      const [u, v] = [cos * dx + sin * dy, cos * dy - sin * dx];
      if (!model.contains(u, v)) continue;
      // light falls from the upper left; round things darken towards the far rim
      const light = model.round
        ? 1.12 - 0.3 * (dx * 0.6 + dy * 0.8) - 0.22 * (u * u + v * v)
        : 1.04 - 0.1 * dy - 0.06 * dx;
      const [r, g, b] = model.colour(u, v);
      pixels.push({ at: py * width + px, colour: [r * light, g * light, b * light] });
    }
  }
  return pixels;
}

/** Darkens what lies beneath an object, softly; the shadow belongs to the ground's segment. */
function castShadow({ height, width, colour }: Canvas, { x, y, size }: PlacedThing): void {
  const [cx, cy, rx, ry] = [x + size * 0.25, y + size * 0.85, size * 1.25, size * 0.4];
  for (let py = Math.max(0, Math.floor(cy - ry)); py < Math.min(height, cy + ry); py += 1) {
    for (let px = Math.max(0, Math.floor(cx - rx)); px < Math.min(width, cx + rx); px += 1) {
      const away = square((px - cx) / rx) + square((py - cy) / ry);
      if (away >= 1) continue;
      const light = 1 - 0.45 * (1 - away);
      for (let c = 0; c < 3; c += 1) colour[(py * width + px) * 3 + c]! *= light;
    }
  }
}

/** The camera: exposure, vignette, a slight blur (a third of each value from its four neighbours), and noise from a sum of four uniform draws. */
function develop({ height, width, colour }: Canvas, noise: number, seed: number, rng: Rng): RgbImage {
  const exposure = mix(0.85, 1.1, rng());
  const warmth = 0.06 * (rng() - 0.5);
  const gains = [exposure * (1 + warmth), exposure, exposure * (1 - warmth)];
  const at = (y: number, x: number, c: number): number =>
    colour[(Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))) * 3 + c]!;
  const sensor = seededRng(seed);
  const data = new Uint8Array(height * width * 3);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [rx, ry] = [(2 * x) / width - 1, (2 * y) / height - 1];
      const vignette = 1 - 0.12 * (rx * rx + ry * ry);
      for (let c = 0; c < 3; c += 1, to += 1) {
        const rim = at(y - 1, x, c) + at(y + 1, x, c) + at(y, x - 1, c) + at(y, x + 1, c);
        const value = (8 * at(y, x, c) + rim) / 12;
        const grain = (sensor() + sensor() + sensor() + sensor() - 2) * 1.7320508;
        data[to] = Math.min(255, Math.max(0, Math.floor(value * vignette * gains[c]! + noise * grain + 0.5)));
      }
    }
  }
  return { data, height, width };
}

function segmentOf(index: number, categoryId: number): SceneSegment {
  // spread over R, G and B, so that the PNG shows neighbours in different colours; odd factor: distinct below 2^24
  const id = Math.imul(index + 1, 0x9e3779) & 0xffffff;
  return { id, categoryId, isThing: categoryId <= thingNames.length };
}
