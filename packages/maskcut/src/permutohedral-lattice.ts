import { U2SegError, type RgbImage } from '@u2seg/core';
import type { CrfArena } from './crf-kernels.ts';
import { channelIndices, type CrfKernel } from './crf-settings.ts';

/** The sparse lattice on which one kernel of one photo filters, as addresses in the arena that holds it. */
export interface PermutohedralLattice {
  /** Number of features: 2 (position) or 5 (position and colour). */
  readonly d: number;
  /** M, the lattice points in use. */
  readonly points: number;
  /** [padded, d + 1] int32: row of each vertex of a pixel's simplex. */
  readonly rows: number;
  /** [padded, d + 1] float32: barycentric weights. */
  readonly weights: number;
  /** [d + 1, 8] int32: where the pairs and chains of neighbours along each axis lie. */
  readonly axes: number;
}

/**
 * Builds the lattice of one kernel.
 *
 * @throws U2SegError `out-of-range` if the widths are so small for the image that lattice coordinates overflow
 */
export function buildLattice(arena: CrfArena, image: RgbImage, kernel: CrfKernel): PermutohedralLattice {
  const { width, height } = image;
  const { kernels } = arena;
  const n = width * height;
  const padded = Math.ceil(n / 4) * 4;
  const d = kernel.kind === 'gaussian' ? 2 : 5;
  const d1 = d + 1;
  assertCoordinatesFit(image, kernel, d);
  const rows = arena.allocate(padded * d1 * 4);
  const weights = arena.allocate(padded * d1 * 4);
  const axes = arena.allocate(d1 * axisWords * 4);
  // Room for the longest possible lists; what they leave is given back, and was never touched.
  const lists = arena.allocate(d1 * listRows(padded * d1) * 4);

  const scratchBytes = kernels.scratchBytes();
  const scratch = [arena.allocate(scratchBytes), arena.allocate(scratchBytes)] as const;
  const features = arena.allocate(d * padded * 4);
  kernels.positionFeatures(width, height, kernel.sxy, kernel.sxy, padded, features);
  if (kernel.kind === 'bilateral') {
    const pixels = arena.allocate(n * 3);
    arena.u8(pixels, n * 3).set(image.data);
    channelIndices(kernel).forEach((channel, i) => {
      kernels.colorFeature(pixels, n, channel, kernel.srgb, padded, features + (2 + i) * padded * 4);
    });
  }
  const threads = arena.running;
  const middle = threads === 1 ? padded : Math.min(padded, Math.ceil(padded / 128) * 64);
  const keys = [arena.allocate((padded * d1 + 1) * 8), arena.allocate(((padded - middle) * d1 + 1) * 8)] as const;
  const tables = [arena.allocate(tableBytes(padded * d1)), arena.allocate(tableBytes((padded - middle) * d1))] as const;
  const parts = [0, 1].flatMap((part) => [keys[part]!, tables[part]!, scratch[part]!, 0, 0]);
  const building = arena.plan([d, features, padded, middle, rows, weights, ...parts]);
  arena.dispatch('build-parts', building, threads);
  const [, , , count, bits, , , , otherCount] = arena.i32(building + 24, 10) as unknown as number[];
  const map = arena.allocate((otherCount! + 1) * 4);
  const points = kernels.mergePart(tables[0], bits!, keys[0], count!, keys[1], otherCount!, map, scratch[0]);
  const list = listRows(points);
  const perThread = scratch.flatMap((at) => [arena.allocate((points + 1) * 4), arena.allocate(points + 1), at]);
  const [first, end] = [middle * d1, padded * d1];
  arena.dispatch(
    'chain-axes',
    arena.plan([
      d,
      points,
      tables[0],
      kernels.tableBits(),
      keys[0],
      lists,
      list,
      axes,
      map,
      rows,
      first,
      end,
      ...perThread,
    ]),
    threads,
  );
  arena.release(lists + d1 * list * 4);
  return { d, points, rows, weights, axes };
}

/** Words of an axis' header, as in `assembly/crf-lattice.ts`. */
const axisWords = 8;

/** Rows of an axis' list at most: pairs, chains of three with a separator, and two ends. */
function listRows(points: number): number {
  return Math.ceil((4 * points) / 3) + 2;
}

/** A hash table for so many points grows up to the power of two above twice their number. */
function tableBytes(points: number): number {
  return 4 * 2 ** Math.max(14, Math.ceil(Math.log2(4 * Math.max(1, points))));
}

/** Lattice coordinates are packed into one 64-bit key, 60 / d bits each, signed. */
function assertCoordinatesFit(image: RgbImage, kernel: CrfKernel, d: number): void {
  const spread = Math.sqrt(2 / 3) * (d + 1);
  const largest = [(image.width - 1) / kernel.sxy, (image.height - 1) / kernel.sxy];
  if (kernel.kind === 'bilateral') largest.push(255 / kernel.srgb, 255 / kernel.srgb, 255 / kernel.srgb);
  let sum = 0;
  let deepest = 0;
  largest.forEach((value, i) => {
    const along = (value * spread) / Math.sqrt((i + 1) * (i + 2));
    sum += along;
    deepest = Math.max(deepest, (i + 1) * along);
  });
  const limit = 2 ** (60 / d - 1) - 2 * (d + 1);
  if (!(Math.max(sum, deepest) < limit)) {
    throw new U2SegError(
      'out-of-range',
      `DenseCrf: kernel widths must keep lattice coordinates below ${Math.floor(limit)}, got ${Math.ceil(Math.max(sum, deepest))} (sxy ${kernel.sxy}${kernel.kind === 'bilateral' ? `, srgb ${kernel.srgb}` : ''} on ${image.width} x ${image.height} pixels).`,
    );
  }
}
