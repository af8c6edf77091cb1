/** Photos that can be read at any scale without aliasing. */
import type { RgbImage } from '@u2seg/core';

interface Level {
  /** [H, W, 3] levels 0 to 255. */
  readonly data: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
}

/** A photo and its halves, quarters and so on, made when first wanted. */
export class MipMap {
  readonly #levels: Level[];

  constructor(image: RgbImage) {
    this.#levels = [image];
  }

  get height(): number {
    return this.#levels[0]!.height;
  }

  get width(): number {
    return this.#levels[0]!.width;
  }

  /**
   * Bilinear reader for a scale; beyond the border the photo is mirrored.
   *
   * @param scale - pixels made of one of the photo
   * @returns colours, 0 to 255, at (x, y) in pixels of the photo, into `to[at ... at + 2]`
   */
  reader(scale: number): (x: number, y: number, to: Float32Array, at: number) => void {
    const depth = Math.max(0, Math.floor(-Math.log2(scale)));
    const { data, height, width } = this.#level(depth);
    const shrink = 2 ** -depth;
    return (x, y, to, at) => {
      const u = x * shrink - 0.5;
      const v = y * shrink - 0.5;
      const [left, top] = [Math.floor(u), Math.floor(v)];
      const [wx, wy] = [u - left, v - top];
      const row0 = mirrored(top, height) * width;
      const row1 = mirrored(top + 1, height) * width;
      const column0 = mirrored(left, width);
      const column1 = mirrored(left + 1, width);
      for (let c = 0; c < 3; c += 1) {
        const upper = (1 - wx) * data[3 * (row0 + column0) + c]! + wx * data[3 * (row0 + column1) + c]!;
        const lower = (1 - wx) * data[3 * (row1 + column0) + c]! + wx * data[3 * (row1 + column1) + c]!;
        to[at + c] = (1 - wy) * upper + wy * lower;
      }
    };
  }

  #level(depth: number): Level {
    while (this.#levels.length <= depth) {
      const last = this.#levels.at(-1)!;
      if (Math.min(last.height, last.width) < 2) return last;
      this.#levels.push(halved(last));
    }
    return this.#levels[depth]!;
  }
}

/** Means of 2 x 2 pixels; an odd last row or column is left out. */
function halved({ data, height, width }: Level): Level {
  const [h, w] = [height >> 1, width >> 1];
  const half = new Float32Array(h * w * 3);
  for (let y = 0, to = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const from = 3 * (2 * y * width + 2 * x);
      for (let c = 0; c < 3; c += 1, to += 1) {
        half[to] =
          (data[from + c]! + data[from + 3 + c]! + data[from + 3 * width + c]! + data[from + 3 * width + 3 + c]!) / 4;
      }
    }
  }
  return { data: half, height: h, width: w };
}

/** Index of a row or column of an image that goes on mirrored beyond its border, edge repeated. */
function mirrored(i: number, length: number): number {
  if (i >= 0 && i < length) return i;
  const period = 2 * length;
  const at = ((i % period) + period) % period;
  return at < length ? at : period - 1 - at;
}
