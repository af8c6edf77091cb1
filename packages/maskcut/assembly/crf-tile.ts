// asc: library
// Between the pixels of one tile and the points of a lattice.
import { gather1, gather4, scatter1, scatter4, slice1, slice4, splat1, splat4 } from './crf-filter';
import { tile } from './crf-lattice';
import { address, beforeWord, d1Word, localsWord, mapWord, scaleWord, tilesWord, weightsWord, word } from './crf-plan';

/**
 * Splats pixels [from, to) of one tile: rows of `width` values, 1 or 4, of which `q` is the first. `sums` is room for the
 * rows of the tile's points, zero before and after.
 */
export function splat(kernel: usize, width: i32, from: i32, to: i32, q: usize, sums: usize, values: usize): void {
  const d1 = word(kernel, d1Word);
  const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
  const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
  const before = address(kernel, beforeWord) + ((<usize>from) << 2);
  const header = address(kernel, tilesWord) + ((<usize>(from / tile)) << 3);
  const map = address(kernel, mapWord) + ((<usize>load<i32>(header)) << 2);
  if (width === 1) {
    splat1(d1, to - from, locals, weights, before, q, sums);
    scatter1(map, load<i32>(header, 4), values, sums);
  } else {
    splat4(d1, to - from, locals, weights, before, q, sums);
    scatter4(map, load<i32>(header, 4), values, sums);
  }
}

/** Slices pixels [from, to) of one tile: out = base + what the kernel gives; `own` is room for the rows of its points. */
export function slice(
  kernel: usize,
  width: i32,
  from: i32,
  to: i32,
  values: usize,
  own: usize,
  base: usize,
  out: usize,
): void {
  const d1 = word(kernel, d1Word);
  const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
  const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
  const scale = address(kernel, scaleWord) + ((<usize>from) << 2);
  const header = address(kernel, tilesWord) + ((<usize>(from / tile)) << 3);
  const map = address(kernel, mapWord) + ((<usize>load<i32>(header)) << 2);
  if (width === 1) {
    gather1(map, load<i32>(header, 4), values, own);
    slice1(d1, to - from, locals, weights, scale, own, base, out);
  } else {
    gather4(map, load<i32>(header, 4), values, own);
    slice4(d1, to - from, locals, weights, scale, own, base, out);
  }
}
