/**
 * Resampling of masks and fields: pixel centres at half coordinates (torch's `align_corners=False`), edges clamped, no
 * antialiasing. Shrinking photos, where antialiasing matters, is `resizePillow` of the datasets.
 */
import { assertInteger, assertLength } from './errors.ts';

/**
 * How a pixel's place in the source is rounded.
 *
 * - `torch`: as `torch.nn.functional.interpolate` of torch 2.5 has it on a CPU with fused multiply-add (any x86 since 2013):
 *   scale, place and weights in float32. Equal bits on the goldens, of one channel.
 * - `exact`: in float64. Nearest is then the true floor of a quotient, which torch misses by a pixel for some sizes.
 */
export type Coordinates = 'torch' | 'exact';

/** Values that are resampled; nearest keeps the type. */
export type Samples = Float32Array | Uint8Array | Uint16Array | Int32Array;

export interface SampleShape {
  /** Values of a pixel, each resampled alone; 1 where absent. */
  readonly channels?: number;
  /** Pixels, at least 1. */
  readonly height: number;
  /** Pixels, at least 1. */
  readonly width: number;
}

export interface ResampleOptions {
  readonly coordinates?: Coordinates;
  /** `chw` is [channels, H, W], as torch keeps fields; `hwc` is [H, W, channels], as images are kept. */
  readonly layout?: 'chw' | 'hwc';
}

export const resampleDefaults: Required<ResampleOptions> = { coordinates: 'torch', layout: 'chw' };

/** Source pixels of every target pixel along one side, and their weights, which add up to 1. */
export interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly lowWeight: Float64Array;
  readonly highWeight: Float64Array;
}

/**
 * Resizes by the nearest value, torch's `mode="nearest"`: target `i` takes source `floor(i * from / to)`.
 *
 * @param samples - [channels, H, W] or, by `layout`, [H, W, channels]
 * @returns [channels, height, width] or [height, width, channels], of the samples' own type
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 * @example resampleNearest(Uint8Array.of(1, 2), { height: 1, width: 2 }, 1, 4) // 1, 1, 2, 2
 */
export function resampleNearest<T extends Samples>(
  samples: T,
  shape: SampleShape,
  height: number,
  width: number,
  options: ResampleOptions = {},
): T {
  const { planes, run, coordinates } = plan('resampleNearest', samples, shape, height, width, options);
  const out = new (samples.constructor as new (length: number) => T)(planes * height * width * run);
  const rows = nearestPixels(shape.height, height, coordinates);
  const columns = nearestPixels(shape.width, width, coordinates);
  for (let plane = 0, to = 0; plane < planes; plane += 1) {
    for (let y = 0; y < height; y += 1) {
      const row = (plane * shape.height + rows[y]!) * shape.width;
      for (let x = 0; x < width; x += 1) {
        const from = (row + columns[x]!) * run;
        for (let k = 0; k < run; k += 1, to += 1) out[to] = samples[from + k]!;
      }
    }
  }
  return out;
}

/**
 * Resizes bilinearly, torch's `mode="bilinear", align_corners=False`: target `i` lies at `(i + 0.5) * from / to - 0.5`.
 *
 * @param samples - [channels, H, W] or, by `layout`, [H, W, channels]
 * @returns [channels, height, width] or [height, width, channels]; a copy where the size stays
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 * @example resampleBilinear(Float32Array.of(0, 1), { height: 1, width: 2 }, 1, 4) // 0, 0.25, 0.75, 1
 */
export function resampleBilinear(
  samples: Samples,
  shape: SampleShape,
  height: number,
  width: number,
  options: ResampleOptions = {},
): Float32Array {
  const { planes, run, coordinates } = plan('resampleBilinear', samples, shape, height, width, options);
  if (height === shape.height && width === shape.width) return Float32Array.from(samples);
  const small = coordinates === 'torch' && height + width <= smallSides;
  const rounding = small ? 'torch-small' : coordinates;
  const rows = bilinearTaps(shape.height, height, rounding);
  const columns = bilinearTaps(shape.width, width, rounding);
  const out = new Float32Array(planes * height * width * run);
  const [from, to] = [shape.height * shape.width * run, height * width * run];
  for (let plane = 0; plane < planes; plane += 1) {
    const source = samples.subarray(plane * from, (plane + 1) * from);
    const target = out.subarray(plane * to, (plane + 1) * to);
    if (small) blendByPixels(source, shape.width, run, rows, columns, target);
    else blendByLines(source, shape.width, run, rows, columns, target, coordinates);
  }
  return out;
}

const f = Math.fround;

/** Torch resamples to outputs of height + width up to this by another kernel, whose roundings differ. */
const smallSides = 128;

/**
 * Where the targets of one side lie between source pixels.
 *
 * @param from - source pixels, at least 1
 * @param to - target pixels, at least 1
 * @param rounding - `torch-small` is torch's kernel for small outputs, which rounds a place once; the other one rounds the
 *   product first
 */
export function bilinearTaps(from: number, to: number, rounding: Coordinates | 'torch-small'): Taps {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const lowWeight = new Float64Array(to);
  const highWeight = new Float64Array(to);
  const scale = f(from / to);
  for (let i = 0; i < to; i += 1) {
    if (rounding === 'exact') {
      const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
      low[i] = Math.floor(place);
      highWeight[i] = place - low[i]!;
      lowWeight[i] = 1 - highWeight[i]!;
    } else {
      // The product of two float32 is exact in float64: rounding only the difference is what a fused multiply-add gives.
      const scaled = rounding === 'torch-small' ? scale * (i + 0.5) : f(scale * (i + 0.5));
      const place = Math.max(0, f(scaled - 0.5));
      low[i] = Math.min(from - 1, Math.floor(place));
      highWeight[i] = f(place - low[i]!);
      lowWeight[i] = f(1 - highWeight[i]!);
    }
    // A side that keeps its size is copied: a weight of 0 would still make NaN of an infinite neighbour.
    high[i] = from === to ? i : Math.min(from - 1, low[i]! + 1);
  }
  return { low, high, lowWeight, highWeight };
}

function nearestPixels(from: number, to: number, coordinates: Coordinates): Int32Array {
  const scale = f(from / to);
  return Int32Array.from({ length: to }, (_, i) =>
    Math.min(from - 1, Math.floor(coordinates === 'exact' ? (i * from) / to : f(i * scale))),
  );
}

/**
 * Along columns, then along rows. Torch rounds the second product of each sum and fuses the first one into it.
 *
 * [H, width, run] -> `out`, [rows, columns, run].
 */
function blendByLines(
  source: Samples,
  width: number,
  run: number,
  rows: Taps,
  columns: Taps,
  out: Float32Array,
  coordinates: Coordinates,
): void {
  const torch = coordinates === 'torch';
  const lines = new Lines(columns.low.length * run, (y, line) => {
    for (let x = 0, at = 0; x < columns.low.length; x += 1) {
      const west = (y * width + columns.low[x]!) * run;
      const east = (y * width + columns.high[x]!) * run;
      const [left, right] = [columns.lowWeight[x]!, columns.highWeight[x]!];
      for (let k = 0; k < run; k += 1, at += 1) {
        const second = source[east + k]! * right;
        line[at] = torch ? f(source[west + k]! * left + f(second)) : source[west + k]! * left + second;
      }
    }
  });
  for (let y = 0, to = 0; y < rows.low.length; y += 1) {
    const [upper, lower] = [lines.at(rows.low[y]!), lines.at(rows.high[y]!)];
    const [up, down] = [rows.lowWeight[y]!, rows.highWeight[y]!];
    for (let i = 0; i < upper.length; i += 1, to += 1) {
      const second = lower[i]! * down;
      out[to] = upper[i]! * up + (torch ? f(second) : second);
    }
  }
}

/** Torch's small kernel: weights of both directions first, then the four products, each fused into the sum so far. */
function blendByPixels(
  source: Samples,
  width: number,
  run: number,
  rows: Taps,
  columns: Taps,
  out: Float32Array,
): void {
  for (let y = 0, to = 0; y < rows.low.length; y += 1) {
    const [upper, lower] = [rows.low[y]! * width, rows.high[y]! * width];
    const [up, down] = [rows.lowWeight[y]!, rows.highWeight[y]!];
    for (let x = 0; x < columns.low.length; x += 1) {
      const [west, east] = [columns.low[x]!, columns.high[x]!];
      const [left, right] = [columns.lowWeight[x]!, columns.highWeight[x]!];
      for (let k = 0; k < run; k += 1, to += 1) {
        const first = f(f(up * right) * source[(upper + east) * run + k]!);
        const second = f(f(up * left) * source[(upper + west) * run + k]! + first);
        const third = f(f(down * left) * source[(lower + west) * run + k]! + second);
        out[to] = f(down * right) * source[(lower + east) * run + k]! + third;
      }
    }
  }
}

/** Source lines resampled along columns. The two in use are kept: neighbours, one even and one odd. */
class Lines {
  readonly #made = [-1, -1];
  readonly #kept: readonly [Float64Array, Float64Array];
  readonly #make: (y: number, line: Float64Array) => void;

  constructor(length: number, make: (y: number, line: Float64Array) => void) {
    this.#kept = [new Float64Array(length), new Float64Array(length)];
    this.#make = make;
  }

  at(y: number): Float64Array {
    const place = (y % 2) as 0 | 1;
    const line = this.#kept[place];
    if (this.#made[place] !== y) {
      this.#make(y, line);
      this.#made[place] = y;
    }
    return line;
  }
}

/** `planes` images of pixels with `run` values side by side each. */
function plan(
  where: string,
  samples: Samples,
  shape: SampleShape,
  height: number,
  width: number,
  options: ResampleOptions,
): { planes: number; run: number; coordinates: Coordinates } {
  const { layout, coordinates } = { ...resampleDefaults, ...options };
  const { channels = 1 } = shape;
  assertInteger(`${where}: shape.channels`, channels, 1);
  assertInteger(`${where}: shape.height`, shape.height, 1);
  assertInteger(`${where}: shape.width`, shape.width, 1);
  assertInteger(`${where}: height`, height, 1);
  assertInteger(`${where}: width`, width, 1);
  const chw = layout === 'chw';
  const sides = [shape.height, shape.width];
  assertLength(`${where}: samples`, samples.length, chw ? [channels, ...sides] : [...sides, channels]);
  return { planes: chw ? channels : 1, run: chw ? 1 : channels, coordinates };
}
