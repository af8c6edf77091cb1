import { U2SegError, type RgbImage } from '@u2seg/core';
import type { CrfArena } from './crf-kernels.ts';
import { channelIndices, type CrfKernel } from './crf-settings.ts';

/** The sparse lattice on which one kernel of one photo filters, as addresses in the arena that holds it. */
export interface PermutohedralLattice {
  /** Number of features: 2 (position) or 5 (position and colour). */
  readonly d: number;
  /** M, the lattice points in use. */
  readonly points: number;
  /** [padded, d + 1] uint16: number of each vertex of a pixel's simplex among the points of its tile. */
  readonly locals: number;
  /** [padded, d + 1] float32: barycentric weights. */
  readonly weights: number;
  /** [tiles, 2] int32: first entry of a tile in `map`, and its number of points. */
  readonly tiles: number;
  /** Most points that a tile has. */
  readonly largestTile: number;
  /** int32: row of each point of a tile. */
  readonly map: number;
  /** [d + 1, flagBytes]: along each axis, which points have neighbours; see `flagNeighbours` in `assembly`. */
  readonly flags: number;
  readonly flagBytes: number;
  /** [d + 1, 2] int32: of the rows below `middle`, how many have a neighbour after them and before them. */
  readonly headers: number;
  /** Row where two threads share the points, a multiple of 16. */
  readonly middle: number;
}

/** Pixels of a tile, as in `assembly/crf-lattice.ts`. */
export const tile = 4096;

/**
 * Builds the lattice of one kernel. Two threads take half of the tiles each; the points are numbered in the order of their
 * keys, so the lattice is the same.
 *
 * @throws U2SegError `out-of-range` if the widths are so small for the image that keys overflow
 */
export function buildLattice(arena: CrfArena, image: RgbImage, kernel: CrfKernel): PermutohedralLattice {
  const { width, height } = image;
  const { kernels } = arena;
  const n = width * height;
  const padded = Math.ceil(n / 4) * 4;
  const d = kernel.kind === 'gaussian' ? 2 : 5;
  const d1 = d + 1;
  const numTiles = Math.ceil(padded / tile);
  const capacity = padded * d1;
  const indexBits = Math.ceil(Math.log2(capacity));
  const key = keyOf(image, kernel, d, 64 - indexBits);
  const locals = arena.allocate(capacity * 2);
  const weights = arena.allocate(capacity * 4);
  const tiles = arena.allocate(numTiles * 8);
  // Room for as many entries as there are vertices; what is not used is never touched.
  const map = arena.allocate(capacity * 4);
  const headers = arena.allocate(d1 * 8);
  const flags = arena.mark();

  const entries = arena.allocate(capacity * 8);
  const room = arena.allocate(capacity * 8);
  const scratch = [arena.allocate(kernels.scratchBytes()), arena.allocate(kernels.scratchBytes())] as const;
  const tables = arena.allocate((width + height + 3 * 256) * 4);
  writeTables(arena.f32(tables, width + height + 3 * 256), image, kernel);
  const pixels = arena.allocate(kernel.kind === 'bilateral' ? n * 3 : 0);
  if (kernel.kind === 'bilateral') writePixels(arena.u8(pixels, n * 3), image, channelIndices(kernel));
  const weightsOfKey = arena.allocate((d + 2) * 8);
  arena.f64(weightsOfKey, d + 2).set(key.weights);

  const threads = arena.running;
  const half = threads === 1 ? numTiles : numTiles >> 1;
  const words = [d, width, height, half, numTiles, pixels, tables, weightsOfKey, indexBits, indexBits + key.bits];
  const places = [weights, locals, tiles, entries, room];
  const halves = [scratch[0], 0, 0, entries, scratch[1], Math.min(capacity, half * tile * d1), 0, entries];
  const building = arena.plan([...words, ...places, ...halves]);
  arena.dispatch('build-parts', building, threads);
  const [, , count, sorted, , , otherCount, otherSorted] = [...arena.i32(building + 60, 8)] as EightWords;
  const tileHeaders = arena.i32(tiles, 2 * numTiles);
  let largestTile = 0;
  for (let t = 0; t < numTiles; t += 1) largestTile = Math.max(largestTile, tileHeaders[2 * t + 1]!);

  // The flags take the place of the entries, which are done with by then; the keys lie beyond.
  const most = count + otherCount + 1;
  const beyond = flags + d1 * flagBytesOf(most) - arena.mark();
  if (beyond > 0) arena.allocate(beyond);
  const keys = arena.allocate(most * 8);
  const points = kernels.numberPoints(sorted, count, otherSorted, otherCount, indexBits, keys, map);
  const steps = arena.allocate(d1 * 8);
  arena.f64(steps, d1).set(key.steps);
  const flagBytes = flagBytesOf(points);
  const middle = (2 * flagBytes) & -16;
  const rowBits = 32 - Math.clz32(points);
  const roomBytes = Math.max(8 * flagBytes, 18 * largestTile);
  const scratches = scratch.map(() => [arena.allocate(roomBytes), arena.allocate(kernels.scratchBytes())]).flat();
  const flagging = [d1, points, keys, middle, flagBytes, flags, headers, steps];
  const sorting = [padded, numTiles, tiles, largestTile, rowBits, map, locals];
  arena.dispatch('flag-axes', arena.plan([...flagging, ...sorting, ...scratches]), threads);
  arena.release(flags + d1 * flagBytes);
  return { d, points, locals, weights, tiles, largestTile, map, flags, flagBytes, headers, middle };
}

/** Neighbours by row, which rows of four values need. */
export interface NeighbourPairs {
  /** [d + 1, M + 1, 2] int32: rows of the neighbours before and after each point, M + 1 for none. */
  readonly pairs: number;
  /** [d + 1] int32: largest distance of two neighbours along each axis, in rows. */
  readonly distances: number;
}

export function pairsOf(arena: CrfArena, { d, points, flags, flagBytes }: PermutohedralLattice): NeighbourPairs {
  const pairs = arena.allocate((d + 1) * (points + 1) * 8);
  const distances = arena.allocate((d + 1) * 4);
  const kept = arena.mark();
  const scratch = [arena.allocate((points + 1) * 8), arena.allocate((points + 1) * 8)];
  arena.dispatch('pair-axes', arena.plan([d + 1, points, flagBytes, flags, pairs, distances, ...scratch]));
  arena.release(kept);
  return { pairs, distances };
}

/** Bytes of an axis' flags for so many points: rows from 0 to one more, rounded up to 16, four in a byte. */
function flagBytesOf(points: number): number {
  return 4 * Math.ceil((points + 2) / 16);
}

type EightWords = [number, number, number, number, number, number, number, number];

/** Position along x and y, and for colours each of 256 levels in channel order, over their widths; in float32. */
function writeTables(tables: Float32Array, { width, height }: RgbImage, kernel: CrfKernel): void {
  const sxy = Math.fround(kernel.sxy);
  for (let x = 0; x < width; x += 1) tables[x] = x / sxy;
  for (let y = 0; y < height; y += 1) tables[width + y] = y / sxy;
  if (kernel.kind === 'gaussian') return;
  const srgb = Math.fround(kernel.srgb);
  for (let i = 0; i < 3 * 256; i += 1) tables[width + height + i] = (i & 255) / srgb;
}

/** How a lattice point's key follows from its coordinates c, which sum to 0 and are all the same modulo d + 1. */
interface LatticeKey {
  /** [d + 2]: of each coordinate but the last, d + 1 times its share; the key's growth when all of c grow by 1; at c = 0. */
  readonly weights: readonly number[];
  /** [d + 1]: by how much the keys of neighbours along each axis differ. */
  readonly steps: readonly number[];
  readonly bits: number;
}

/** A digit of the key: sum of `of[i] * c[i]`, an integer, in [low, high] for all points and all neighbours of points. */
interface KeyDigit {
  readonly of: readonly number[];
  readonly low: number;
  readonly high: number;
}

/**
 * The key is a number in mixed radix, first digit first: row of the photo, column, then colours. So points that lie close
 * in the photo get rows close to each other, and with colour the neighbours along the last axis consecutive ones.
 *
 * @throws U2SegError `out-of-range` if it needs more than `maxBits`
 */
function keyOf(image: RgbImage, kernel: CrfKernel, d: number, maxBits: number): LatticeKey {
  const d1 = d + 1;
  const largest = [(image.width - 1) / kernel.sxy, (image.height - 1) / kernel.sxy];
  if (kernel.kind === 'bilateral') largest.push(255 / kernel.srgb, 255 / kernel.srgb, 255 / kernel.srgb);
  // Elevated: c[i] = a[i] + ... + a[d - 1] - i a[i - 1] with a[i] in [0, top[i]]; a vertex is less than d + 1 away.
  const top = largest.map((value, i) => (value * Math.sqrt(2 / 3) * d1) / Math.sqrt((i + 1) * (i + 2)));
  const digit = (of: readonly number[], low: number, high: number): KeyDigit => {
    const slack = d1 * of.reduce((sum, share) => sum + Math.abs(share), 0) + d1;
    return { of, low: Math.floor(low - slack), high: Math.ceil(high + slack) };
  };
  const s = 1 / d1;
  const digits =
    d === 2
      ? [digit([1, 1], 0, 2 * top[1]!), digit([s, -s], 0, 2 * s * top[0]!)]
      : [
          digit([s, s, -2 * s, 0, 0], 0, top[1]!),
          digit([s, -s, 0, 0, 0], 0, 2 * s * top[0]!),
          digit([0, 0, -s, s, 0], -4 * s * top[2]!, 2 * s * top[1]!),
          digit([0, 0, 0, -s, s], -5 * s * top[3]!, 3 * s * top[2]!),
          digit([0, 0, 1, 0, 0], -2 * top[1]!, top[2]! + top[3]! + top[4]!),
        ];
  let radix = 1;
  let origin = 0;
  const weights = Array.from<number>({ length: d }).fill(0);
  for (const { of, low, high } of digits.toReversed()) {
    of.forEach((share, i) => (weights[i]! += Math.round(d1 * share) * radix));
    origin -= low * radix;
    radix *= high - low + 1;
  }
  const bits = Math.ceil(Math.log2(radix));
  // Weights go through float64.
  if (!(bits <= Math.min(52, maxBits))) {
    throw new U2SegError(
      'out-of-range',
      `DenseCrf: kernel widths must keep lattice keys within ${Math.min(52, maxBits)} bits, got ${bits} (sxy ${kernel.sxy}${kernel.kind === 'bilateral' ? `, srgb ${kernel.srgb}` : ''} on ${image.width} x ${image.height} pixels).`,
    );
  }
  const growth = weights.reduce((sum, weight) => sum + weight, 0) / d1;
  const steps = [...weights, 0].map((weight) => Math.abs(weight - growth));
  return { weights: [...weights, growth, origin], steps, bits };
}

/** The image with its channels in the order in which the kernel takes them. */
function writePixels(pixels: Uint8Array, { data }: RgbImage, [r, g, b]: readonly [number, number, number]): void {
  if (r === 0 && g === 1) {
    pixels.set(data);
    return;
  }
  for (let i = 0; i < data.length; i += 3) {
    pixels[i] = data[i + r]!;
    pixels[i + 1] = data[i + g]!;
    pixels[i + 2] = data[i + b]!;
  }
}
