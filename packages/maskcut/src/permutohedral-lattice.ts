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
  /** [d + 1, M, 2] int32: rows of the neighbours along each axis. */
  readonly neighbors: number;
}

/**
 * Builds the lattice of one kernel.
 *
 * @throws U2SegError `out-of-range` if the widths are so small for the image that lattice coordinates overflow
 */
export function buildLattice(arena: CrfArena, image: RgbImage, kernel: CrfKernel): PermutohedralLattice {
  const { width, height } = image;
  const n = width * height;
  const padded = Math.ceil(n / 4) * 4;
  const d = kernel.kind === 'gaussian' ? 2 : 5;
  assertCoordinatesFit(image, kernel, d);
  const rows = arena.allocate(padded * (d + 1) * 4);
  const weights = arena.allocate(padded * (d + 1) * 4);

  const scratch = arena.mark();
  const features = arena.allocate(d * padded * 4);
  const pixels = arena.allocate(n * 3);
  const keys = arena.allocate(padded * (d + 1) * 8);
  const table = arena.allocate(4 * 2 ** Math.max(14, Math.ceil(Math.log2(4 * (d + 1) * padded))));
  arena.kernels.positionFeatures(width, height, kernel.sxy, kernel.sxy, padded, features);
  if (kernel.kind === 'bilateral') {
    arena.u8(pixels, n * 3).set(image.data);
    channelIndices(kernel).forEach((channel, i) => {
      arena.kernels.colorFeature(pixels, n, channel, kernel.srgb, padded, features + (2 + i) * padded * 4);
    });
  }
  const points = arena.kernels.buildLattice(d, features, padded, rows, weights, keys, table);
  const bytes = (d + 1) * points * 8;
  const found = arena.allocate(bytes);
  arena.kernels.findNeighbors(d, found);
  arena.release(scratch);
  const neighbors = arena.allocate(bytes);
  arena.u8(0, found + bytes).copyWithin(neighbors, found, found + bytes);
  return { d, points, rows, weights, neighbors };
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

/** Blurs `values` in place of the pair of buffers; returns the one that holds the result. */
export function blur(
  arena: CrfArena,
  lattice: PermutohedralLattice,
  lanes: number,
  values: number,
  other: number,
): number {
  let from = values;
  let to = other;
  for (let j = 0; j <= lattice.d; j += 1) {
    const axis = lattice.neighbors + j * lattice.points * 8;
    if (lanes === 0) arena.kernels.blur1(lattice.points, axis, from, to);
    else arena.kernels.blur4(lanes, lattice.points, axis, from, to);
    [from, to] = [to, from];
  }
  return from;
}
