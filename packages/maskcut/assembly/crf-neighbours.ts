// asc: library
// Which points are neighbours along an axis.

/** Rows whose flags are one byte: those that have a neighbour after them in bits 0 to 3, before them in bits 4 to 7. */
const rowsOfByte: usize = 4;

/**
 * Writes which points have a neighbour after and before them along an axis, a byte for four rows, and how many of the
 * first `middle` rows (a multiple of 16) do: two words at `header`. Neighbours' keys differ by `step`.
 *
 * Keys run upwards, so the k-th row with a neighbour after it and the k-th with one before it are neighbours; this merges
 * the keys with themselves. `scratch` is room for twice `count + 2` bytes, rounded up to 16.
 */
export function flagNeighbours(
  step: i64,
  keys: usize,
  count: i32,
  middle: i32,
  flags: usize,
  header: usize,
  scratch: usize,
): void {
  const end = <usize>(count + 1);
  const bytes = (end + 16) & -16;
  const before = scratch + bytes;
  memory.fill(scratch, 0, 2 * bytes);
  // Two merges at a time, of the lower and of the upper half, for each waits for its own loads.
  const half = (end + 1) >> 1;
  const cut = lowerBound(keys, 1, end, load<i64>(keys + (half << 3)) + step);
  let i: usize = 1;
  let p: usize = 1;
  let j = half;
  let q = cut;
  while (i < half && p < cut && q < end) {
    const lower = load<i64>(keys + (i << 3)) + step;
    const upper = load<i64>(keys + (j << 3)) + step;
    const lowerKey = load<i64>(keys + (p << 3));
    const upperKey = load<i64>(keys + (q << 3));
    const lowerSame = 0 - <i32>(lowerKey === lower);
    const upperSame = 0 - <i32>(upperKey === upper);
    store<u8>(scratch + i, lowerSame);
    store<u8>(before + p, lowerSame);
    store<u8>(scratch + j, upperSame);
    store<u8>(before + q, upperSame);
    i += <usize>(lowerKey >= lower);
    p += <usize>(lowerKey <= lower);
    j += <usize>(upperKey >= upper);
    q += <usize>(upperKey <= upper);
  }
  merge(step, keys, i, half, p, cut, scratch, before);
  merge(step, keys, j, end, q, end, scratch, before);
  let afterCount = 0;
  let beforeCount = 0;
  for (let at: usize = 0; at < bytes; at += 16) {
    if (at === <usize>middle) {
      store<i32>(header, afterCount);
      store<i32>(header, beforeCount, 4);
    }
    const a = <u32>i8x16.bitmask(v128.load(scratch + at));
    const b = <u32>i8x16.bitmask(v128.load(before + at));
    afterCount += <i32>popcnt(a);
    beforeCount += <i32>popcnt(b);
    const low = (a & 15) | ((b & 15) << 4) | ((a & 0xf0) << 4) | ((b & 0xf0) << 8);
    const high = ((a >> 8) & 15) | (((b >> 8) & 15) << 4) | ((a & 0xf000) >> 4) | (b & 0xf000);
    store<u32>(flags + at / rowsOfByte, low | (high << 16));
  }
}

/** First row in [from, to) whose key is at least `key`. */
function lowerBound(keys: usize, from: usize, to: usize, key: i64): usize {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (load<i64>(keys + (middle << 3)) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Sets the bytes of rows [i, iEnd) and [p, pEnd) that are neighbours. */
function merge(
  step: i64,
  keys: usize,
  i: usize,
  iEnd: usize,
  p: usize,
  pEnd: usize,
  after: usize,
  before: usize,
): void {
  while (i < iEnd && p < pEnd) {
    const wanted = load<i64>(keys + (i << 3)) + step;
    const key = load<i64>(keys + (p << 3));
    const same = 0 - <i32>(key === wanted);
    store<u8>(after + i, same);
    store<u8>(before + p, same);
    i += <usize>(key >= wanted);
    p += <usize>(key <= wanted);
  }
}

/**
 * Writes the rows of each point's neighbours before and after it, [count + 1, 2] int32, `count + 1` where there is none,
 * from what {@link flagNeighbours} found. Returns the largest distance of two neighbours. `scratch` is room for twice
 * `count + 1` rows.
 */
export function pairsOfFlags(flags: usize, count: i32, pairs: usize, scratch: usize): i32 {
  const none = count + 1;
  const others = scratch + ((<usize>none) << 2);
  let after: usize = 0;
  let before: usize = 0;
  for (let i = 0; i <= count; i++) {
    const flag = (<usize>load<u8>(flags + <usize>i / rowsOfByte)) >> ((<usize>i) & 3);
    store<i32>(scratch + after, i);
    store<i32>(others + before, i);
    after += (flag & 1) << 2;
    before += ((flag >> 4) & 1) << 2;
  }
  after = 0;
  before = 0;
  let farthest = 0;
  for (let i = 0; i <= count; i++) {
    const flag = (<usize>load<u8>(flags + <usize>i / rowsOfByte)) >> ((<usize>i) & 3);
    const hasAfter = <i32>(flag & 1);
    const hasBefore = <i32>((flag >> 4) & 1);
    const at = pairs + ((<usize>i) << 3);
    const distance = (i - load<i32>(scratch + before)) * hasBefore;
    farthest = max<i32>(farthest, distance);
    store<i32>(at, none + (i - distance - none) * hasBefore);
    store<i32>(at, none + (load<i32>(others + after) - none) * hasAfter, 4);
    after += (<usize>hasAfter) << 2;
    before += (<usize>hasBefore) << 2;
  }
  return farthest;
}
