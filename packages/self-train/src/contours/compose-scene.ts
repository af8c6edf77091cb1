import { assertImage, decodeMask, rleBbox, U2SegError, type Rle, type RgbImage, type SeededRng } from '@u2seg/core';
import { MipMap } from './mip-map.ts';

/** A photo with regions found in it. */
export interface PhotoRegions {
  readonly image: RgbImage;
  /** At the size of the image; each gives an outline. */
  readonly regions: readonly Rle[];
}

/** A made scene, square. */
export interface ComposedScene {
  /** [S, S, 3] colours, 0 to 1 and, by augmentation, beyond. */
  readonly image: Float32Array;
  /** [S, S] 1 on the pixels on either side of where one layer ends and another begins. */
  readonly contours: Float32Array;
}

/** Sides of the square a pasted region is made to have the area of, over the scene's side. */
const pastedSizes = [0.15, 0.69] as const;
/** Longest side of a pasted region, over the scene's. */
const longestPasted = 0.94;
/** Layers pasted on a background. */
const layerCounts = [2, 5] as const;
const backgroundScales = [0.8, 1.6] as const;
const fillScales = [0.8, 1.8] as const;
/** Standard deviation of the blur at pasted outlines, in pixels: an edge in a photo is never a step. */
const outlineBlurs = [0.4, 1.2] as const;
/** Share of pasted regions that keep their own content; others are filled with another photo's. */
const keepContent = 0.5;
const recolour = { share: 0.5, contrast: [0.7, 1.3], shift: 30 } as const;
const blur = { share: 0.3, deviations: [0.3, 0.8] } as const;
/** Largest standard deviation of the noise, in levels. */
const noise = 6;
/** Standard deviations of contrast and shift of the whole scene, channel by channel. */
const jitter = { contrast: 0.2, shift: 0.05 } as const;

/**
 * Makes scenes whose contours are known without anybody having drawn them: regions of photos, each filled with its own content or with
 * that of another photo, lie on a crop of a third.
 *
 * What is learned is where content changes for good. An edge inside of a pasted piece (a stripe, a letter) is none of its contours, and
 * two pieces of much the same colour have one.
 */
export class SceneComposer {
  readonly #photos: readonly MipMap[];
  readonly #outlines: readonly { readonly photo: number; readonly mask: Rle }[];

  /** @throws U2SegError `out-of-range` without photos or regions, `shape-mismatch` for a region of another size than its photo */
  constructor(photos: readonly PhotoRegions[]) {
    this.#photos = photos.map(({ image }, i) => {
      assertImage(`SceneComposer: photos[${i}]`, image);
      return new MipMap(image);
    });
    this.#outlines = photos.flatMap(({ image, regions }, photo) =>
      regions.map((mask) => {
        if (mask.height !== image.height || mask.width !== image.width) {
          throw new U2SegError(
            'shape-mismatch',
            `SceneComposer: regions of photos[${photo}] must be [${image.height}, ${image.width}], got [${mask.height}, ${mask.width}].`,
          );
        }
        return { photo, mask };
      }),
    );
    if (this.#outlines.length === 0) {
      throw new U2SegError(
        'out-of-range',
        `SceneComposer: wanted photos with regions, got ${photos.length} photos without.`,
      );
    }
  }

  /** @param size - side, in pixels */
  compose(rng: SeededRng, size: number): ComposedScene {
    const scene = { size, colours: new Float32Array(size * size * 3), layers: new Uint8Array(size * size) };
    this.#fill(rng, scene);
    const count = layerCounts[0] + rng.integer(layerCounts[1] - layerCounts[0] + 1);
    for (let layer = 1; layer <= count; layer += 1) this.#paste(rng, scene, layer);
    return { image: developed(rng, scene), contours: contoursOf(scene) };
  }

  /** The background: a crop of a photo. */
  #fill(rng: SeededRng, { size, colours }: Scene): void {
    const read = this.#crop(rng, size, size, backgroundScales);
    for (let y = 0, i = 0; y < size; y += 1)
      for (let x = 0; x < size; x += 1, i += 3) read(x + 0.5, y + 0.5, colours, i);
  }

  /** A random crop of a random photo, mirrored or not, for a place of so many pixels. */
  #crop(rng: SeededRng, height: number, width: number, scales: Range): Reader {
    const photo = this.#photos[rng.integer(this.#photos.length)]!;
    const scale = between(rng, scales);
    const left = rng.next() * Math.max(0, photo.width - width / scale);
    const top = rng.next() * Math.max(0, photo.height - height / scale);
    const flipped = rng.next() < 0.5;
    const read = photo.reader(scale);
    return (x, y, to, at) => read(left + (flipped ? width - x : x) / scale, top + y / scale, to, at);
  }

  #paste(rng: SeededRng, { size, colours, layers }: Scene, layer: number): void {
    const { photo, mask } = this.#outlines[rng.integer(this.#outlines.length)]!;
    const [bx, by, bw, bh] = rleBbox(mask);
    const wanted = (size * between(rng, pastedSizes)) / Math.sqrt(bw * bh);
    const scale = Math.min(wanted, (longestPasted * size) / Math.max(bw, bh));
    const [height, width] = [Math.max(8, Math.round(bh * scale)), Math.max(8, Math.round(bw * scale))];
    const own = rng.next() < keepContent;
    const fill = own ? undefined : this.#crop(rng, height, width, fillScales);
    const flipped = rng.next() < 0.5;
    const tint = rng.next() < recolour.share ? tintOf(rng) : undefined;
    // A third of it may lie outside.
    const top = Math.round(rng.next() * (size - height / 3) - height / 3);
    const left = Math.round(rng.next() * (size - width / 3) - width / 3);
    const deviation = between(rng, outlineBlurs);

    // With room for the blurred outline.
    const room = Math.ceil(3 * deviation);
    const [firstY, endY] = [Math.max(0, top - room), Math.min(size, top + height + room)];
    const [firstX, endX] = [Math.max(0, left - room), Math.min(size, left + width + room)];
    const [h, w] = [endY - firstY, endX - firstX];
    if (h <= 0 || w <= 0) return;
    const { data } = decodeMask(mask);
    /** Pixel of the region's photo that comes to lie at a place. */
    const sourceX = (x: number): number => bx + ((flipped ? width - (x - left) : x - left) * bw) / width;
    const sourceY = (y: number): number => by + ((y - top) * bh) / height;
    const cover = new Float32Array(h * w);
    for (let y = Math.max(firstY, top); y < Math.min(endY, top + height); y += 1) {
      const row = Math.floor(sourceY(y + 0.5)) * mask.width;
      for (let x = Math.max(firstX, left); x < Math.min(endX, left + width); x += 1) {
        cover[(y - firstY) * w + x - firstX] = data[row + Math.floor(sourceX(x + 0.5))]!;
      }
    }
    const read = this.#photos[photo]!.reader(scale);
    const alpha = gaussian(cover, h, w, deviation, 1);
    const colour = new Float32Array(3);
    for (let y = 0, i = 0; y < h; y += 1) {
      for (let x = 0; x < w; x += 1, i += 1) {
        const share = alpha[i]!;
        if (share < 1 / 255) continue;
        const [sx, sy] = [firstX + x, firstY + y];
        if (fill === undefined) read(sourceX(sx + 0.5), sourceY(sy + 0.5), colour, 0);
        else fill(sx - left + 0.5, sy - top + 0.5, colour, 0);
        const at = sy * size + sx;
        for (let c = 0; c < 3; c += 1) {
          const plain = colour[c]!;
          const value = tint === undefined ? plain : clamped((plain - 128) * tint.contrast + 128 + tint.shift[c]!);
          colours[3 * at + c]! += share * (value - colours[3 * at + c]!);
        }
        if (cover[i] === 1) layers[at] = layer;
      }
    }
  }
}

interface Scene {
  readonly size: number;
  /** [S, S, 3] levels. */
  readonly colours: Float32Array;
  /** [S, S] layer on top, 0 for the background. */
  readonly layers: Uint8Array;
}

type Range = readonly [number, number];
type Reader = (x: number, y: number, to: Float32Array, at: number) => void;

function between(rng: SeededRng, [low, high]: Range): number {
  return low + (high - low) * rng.next();
}

function clamped(level: number): number {
  return Math.min(255, Math.max(0, level));
}

function tintOf(rng: SeededRng): { readonly contrast: number; readonly shift: readonly number[] } {
  const contrast = between(rng, recolour.contrast);
  return { contrast, shift: [0, 1, 2].map(() => between(rng, [-recolour.shift, recolour.shift])) };
}

/** Blur, noise and colour of the whole scene, in [0, 1] as long as no colour leaves it. */
function developed(rng: SeededRng, { size, colours }: Scene): Float32Array {
  const soft = rng.next() < blur.share ? gaussian(colours, size, size, between(rng, blur.deviations), 3) : colours;
  const deviation = noise * rng.next();
  const contrast = [0, 1, 2].map(() => 1 + jitter.contrast * rng.normal());
  const shift = [0, 1, 2].map(() => jitter.shift * rng.normal());
  const image = new Float32Array(soft.length);
  for (let i = 0; i < image.length; i += 3) {
    for (let c = 0; c < 3; c += 1) {
      const level = clamped(soft[i + c]! + deviation * rng.normal()) / 255;
      image[i + c] = (level - 0.5) * contrast[c]! + 0.5 + shift[c]!;
    }
  }
  return image;
}

function contoursOf({ size, layers }: Scene): Float32Array {
  const contours = new Float32Array(size * size);
  const mark = (a: number, b: number): void => {
    if (layers[a] !== layers[b]) contours[a] = contours[b] = 1;
  };
  for (let y = 0, i = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1, i += 1) {
      if (x + 1 < size) mark(i, i + 1);
      if (y + 1 < size) mark(i, i + size);
    }
  }
  return contours;
}

/** Gaussian blur of [H, W, C], edges repeated. */
function gaussian(map: Float32Array, height: number, width: number, deviation: number, channels: number): Float32Array {
  const radius = Math.ceil(3 * deviation);
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * deviation ** 2)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  const weights = Float64Array.from(kernel, (value) => value / sum);
  const across = new Float32Array(map.length);
  const out = new Float32Array(map.length);
  const pass = (from: Float32Array, to: Float32Array, vertical: boolean): void => {
    const [length, step] = vertical ? [height, width * channels] : [width, channels];
    for (let y = 0, i = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const place = vertical ? y : x;
        for (let c = 0; c < channels; c += 1, i += 1) {
          let value = 0;
          for (let k = -radius; k <= radius; k += 1) {
            const at = Math.min(length - 1, Math.max(0, place + k));
            value += weights[k + radius]! * from[i + (at - place) * step]!;
          }
          to[i] = value;
        }
      }
    }
  };
  pass(map, across, false);
  pass(across, out, true);
  return out;
}
