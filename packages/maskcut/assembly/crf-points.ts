// asc: library
// From the points of the tiles to those of the lattice, in the order of their keys.
import { tile } from './crf-lattice';

const digitBits: i32 = 11;
/** Bytes of scratch that a sort takes. */
export const sortBytes: usize = 4 << 11;

/**
 * Sorts `count` entries by their bits from `low` up to `high`; `other` is room for as many, `scratch` for `sortBytes`.
 * Returns where they are then: `entries` or `other`.
 */
export function sortEntries(entries: usize, count: i32, low: i32, high: i32, other: usize, scratch: usize): usize {
  const mask = (u64(1) << u64(digitBits)) - 1;
  const bytes = (<usize>count) << 3;
  for (let shift = u64(low); shift < u64(high); shift += u64(digitBits)) {
    memory.fill(scratch, 0, sortBytes);
    for (let at = entries; at < entries + bytes; at += 8) {
      const digit = scratch + ((<usize>((load<u64>(at) >> shift) & mask)) << 2);
      store<i32>(digit, load<i32>(digit) + 1);
    }
    let sum = <i32>other;
    for (let at = scratch; at < scratch + sortBytes; at += 4) {
      const size = load<i32>(at);
      store<i32>(at, sum);
      sum += size << 3;
    }
    for (let at = entries; at < entries + bytes; at += 8) {
      const entry = load<u64>(at);
      const digit = scratch + ((<usize>((entry >> shift) & mask)) << 2);
      const to = load<i32>(digit);
      store<u64>(<usize>to, entry);
      store<i32>(digit, to + 8);
    }
    const swap = entries;
    entries = other;
    other = swap;
  }
  return entries;
}

/** Merges two sorted runs of entries: writes the points' keys from row 1 and the entries' rows; returns the points. */
export function numberPoints(
  first: usize,
  firstCount: i32,
  second: usize,
  secondCount: i32,
  indexBits: i32,
  keys: usize,
  map: usize,
): i32 {
  const index = (u64(1) << u64(indexBits)) - 1;
  const firstEnd = first + ((<usize>firstCount) << 3);
  const secondEnd = second + ((<usize>secondCount) << 3);
  let row = 0;
  let before = u64.MAX_VALUE;
  while (first < firstEnd && second < secondEnd) {
    const a = load<u64>(first);
    const b = load<u64>(second);
    const isFirst = a < b;
    const entry = isFirst ? a : b;
    first += (<usize>isFirst) << 3;
    second += (<usize>!isFirst) << 3;
    const key = entry >> u64(indexBits);
    row += <i32>(key !== before);
    before = key;
    store<u64>(keys + ((<usize>row) << 3), key);
    store<i32>(map + ((<usize>(entry & index)) << 2), row);
  }
  const rest = first < firstEnd ? first : second;
  const end = first < firstEnd ? firstEnd : secondEnd;
  for (let at = rest; at < end; at += 8) {
    const entry = load<u64>(at);
    const key = entry >> u64(indexBits);
    row += <i32>(key !== before);
    before = key;
    store<u64>(keys + ((<usize>row) << 3), key);
    store<i32>(map + ((<usize>(entry & index)) << 2), row);
  }
  return row;
}

/**
 * Numbers the points of tiles [first, last) anew in the order of their rows, so that gathers and scatters run through memory
 * in one direction. `rowBits` hold the largest row; `room` is for `largest`, the points of the largest tile, two
 * entries of 8 bytes and one of 2 each.
 */
export function sortTiles(
  d1: i32,
  padded: i32,
  first: i32,
  last: i32,
  largest: i32,
  rowBits: i32,
  tiles: usize,
  map: usize,
  locals: usize,
  room: usize,
  scratch: usize,
): void {
  const other = room + ((<usize>largest) << 3);
  const renamed = other + ((<usize>largest) << 3);
  for (let t = first; t < last; t++) {
    const header = tiles + ((<usize>t) << 3);
    const rows = map + ((<usize>load<i32>(header)) << 2);
    const count = <usize>load<i32>(header, 4);
    for (let i: usize = 0; i < count; i++) {
      store<u64>(room + (i << 3), (u64(load<u32>(rows + (i << 2))) << 16) | u64(i));
    }
    const sorted = sortEntries(room, <i32>count, 16, 16 + rowBits, other, scratch);
    for (let i: usize = 0; i < count; i++) {
      const entry = load<u64>(sorted + (i << 3));
      store<i32>(rows + (i << 2), <i32>(entry >> 16));
      store<u16>(renamed + ((<usize>(entry & 0xffff)) << 1), <u16>i);
    }
    const from = locals + ((<usize>(t * tile * d1)) << 1);
    const to = locals + ((<usize>(min<i32>(padded, (t + 1) * tile) * d1)) << 1);
    for (let at = from; at < to; at += 2) store<u16>(at, load<u16>(renamed + ((<usize>load<u16>(at)) << 1)));
  }
}
