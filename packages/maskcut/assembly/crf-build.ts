// asc: library
// Work on a lattice as two threads share it.
import { flagNeighbours, pairsOfFlags } from './crf-neighbours';
import { address, word } from './crf-plan';
import { sortEntries, sortTiles } from './crf-points';
import { buildTiles } from './crf-simplex';

/**
 * Work 1: the entries of the pixels, sorted by halves of the tiles, or all at once by one thread.
 *
 * Words: d, w, h, first tile of the second half, tiles, image, tables, key weights, bits of an index, first bit above the
 * key, weights, locals, tiles' headers, entries, room to sort; then for each half scratch, its first entry, and out: number
 * of entries and where they are.
 */
export function buildParts(plan: usize, thread: i32, threads: i32): void {
  const middle = word(plan, 3);
  const own = plan + ((<usize>(15 + thread * 4)) << 2);
  const start = word(own, 1);
  const entries = address(plan, 13);
  const end = buildTiles(
    word(plan, 0),
    word(plan, 1),
    word(plan, 2),
    thread === 0 ? 0 : middle,
    thread === 0 && threads > 1 ? middle : word(plan, 4),
    address(plan, 5),
    address(plan, 6),
    address(plan, 7),
    word(plan, 8),
    start,
    address(plan, 10),
    address(plan, 11),
    address(plan, 12),
    entries,
    address(own, 0),
  );
  const at = (<usize>start) << 3;
  const room = address(plan, 14) + at;
  store<i32>(own, end - start, 8);
  store<i32>(own, <i32>sortEntries(entries + at, end - start, word(plan, 8), word(plan, 9), room, address(own, 0)), 12);
}

/**
 * Work 2: the points of the tiles in the order of rows, by halves; then which points have neighbours, axis by axis.
 *
 * Words: axes, points, keys, middle row, bytes of an axis' flags, flags, headers, float64 steps of the axes, padded, tiles,
 * their headers, points of the largest, bits of a row, map, locals; then for each thread room and scratch.
 */
export function flagAxes(plan: usize, thread: i32, threads: i32): void {
  const d1 = word(plan, 0);
  const numTiles = word(plan, 9);
  const half = threads === 1 ? numTiles : numTiles >> 1;
  const own = plan + ((<usize>(15 + 2 * thread)) << 2);
  sortTiles(
    d1,
    word(plan, 8),
    thread === 0 ? 0 : half,
    thread === 0 ? half : numTiles,
    word(plan, 11),
    word(plan, 12),
    address(plan, 10),
    address(plan, 13),
    address(plan, 14),
    address(own, 0),
    address(own, 1),
  );
  for (let j = thread; j < d1; j += threads) {
    flagNeighbours(
      <i64>load<f64>(address(plan, 7) + ((<usize>j) << 3)),
      address(plan, 2),
      word(plan, 1),
      word(plan, 3),
      address(plan, 5) + <usize>j * address(plan, 4),
      address(plan, 6) + ((<usize>j) << 3),
      address(own, 0),
    );
  }
}

/**
 * Work 5: rows of the neighbours, axis by axis, from what work 2 found.
 *
 * Words: axes, points, bytes of an axis' flags, flags, pairs, largest distances; then for each thread scratch.
 */
export function pairAxes(plan: usize, thread: i32, threads: i32): void {
  const points = word(plan, 1);
  for (let j = thread; j < word(plan, 0); j += threads) {
    const farthest = pairsOfFlags(
      address(plan, 3) + <usize>j * address(plan, 2),
      points,
      address(plan, 4) + ((<usize>(j * (points + 1))) << 3),
      address(plan, 6 + thread),
    );
    store<i32>(address(plan, 5) + ((<usize>j) << 2), farthest);
  }
}
