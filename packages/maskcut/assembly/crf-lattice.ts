// asc: library
// The permutohedral lattice of Adams, Baek and Davis (2010) as Kraehenbuehl and Koltun's dense CRF defines it: feature
// order and rounding are theirs, for the result depends on them.
//
// A lattice point has a key (its first d coordinates, packed) and a row, its index from 1; row 0 stands for "no such
// point". The order of rows has no influence on any result.

/** No point has this key: packed coordinates stay below 2^60. */
const noKey: u64 = 0x8000000000000000;

// The hash table this instance looks into: an entry is a row, keys lie apart in the order of creation, so that those of
// neighbouring pixels share cache lines. A thread has an instance of its own, so globals are private to it.
let tableAt: usize = 0;
let tableShift: u64 = 0;
let keysAt: usize = 0;
let points: i32 = 0;

function setTable(table: usize, bits: i32, keys: usize, count: i32): void {
  tableAt = table;
  tableShift = <u64>(64 - bits);
  keysAt = keys;
  points = count;
}

function slotOf(key: u64): usize {
  return <usize>((key * 0x9e3779b97f4a7c15) >> tableShift);
}

function find(key: u64, create: bool): i32 {
  const mask = (usize(1) << usize(64 - tableShift)) - 1;
  let slot = slotOf(key);
  while (true) {
    const row = load<i32>(tableAt + (slot << 2));
    if (row === 0) {
      if (!create) return 0;
      points++;
      store<u64>(keysAt + ((<usize>points) << 3), key);
      store<i32>(tableAt + (slot << 2), points);
      if (u64(points) * 2 > u64(1) << (64 - tableShift)) grow();
      return points;
    }
    if (load<u64>(keysAt + ((<usize>row) << 3)) === key) return row;
    slot = (slot + 1) & mask;
  }
}

function grow(): void {
  tableShift--;
  const capacity = usize(1) << usize(64 - tableShift);
  memory.fill(tableAt, 0, capacity << 2);
  for (let i = 1; i <= points; i++) {
    let slot = slotOf(load<u64>(keysAt + ((<usize>i) << 3)));
    while (load<i32>(tableAt + (slot << 2)) !== 0) slot = (slot + 1) & (capacity - 1);
    store<i32>(tableAt + (slot << 2), i);
  }
}

/**
 * Rows of `count` keys. The first probe of all of them comes first, without a branch, so that their cache misses overlap;
 * what it does not settle is looked up one by one. `pending` is room for `count` indices.
 */
function findAll(keys: usize, count: i32, out: usize, pending: usize, create: bool): void {
  let open: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = load<u64>(keys + (i << 3));
    const row = load<i32>(tableAt + (slotOf(key) << 2));
    const same = load<u64>(keysAt + ((<usize>row) << 3)) === key;
    store<i32>(out + (i << 2), same ? row : 0);
    store<i32>(pending + (open << 2), <i32>i);
    open += <usize>(!same && (create || row !== 0));
  }
  for (let p: usize = 0; p < open; p++) {
    const i = <usize>load<i32>(pending + (p << 2));
    store<i32>(out + (i << 2), find(load<u64>(keys + (i << 3)), create));
  }
}

function unitOf(i: i32, d: i32, fieldBits: i32): u64 {
  return i < d ? u64(1) << u64(i * fieldBits) : 0;
}

function onesOf(d: i32, fieldBits: i32): u64 {
  let ones: u64 = 0;
  for (let i = 0; i < d; i++) ones += unitOf(i, d, fieldBits);
  return ones;
}

/** Writes the position features x / sx and y / sy of a w x h image, planar [2, padded]. */
export function positionFeatures(w: i32, h: i32, sx: f32, sy: f32, padded: i32, out: usize): void {
  const second = out + ((<usize>padded) << 2);
  let at: usize = 0;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      store<f32>(out + at, <f32>x / sx);
      store<f32>(second + at, <f32>y / sy);
      at += 4;
    }
  }
  for (; at < (<usize>padded) << 2; at += 4) {
    store<f32>(out + at, 0);
    store<f32>(second + at, 0);
  }
}

/** Writes channel `c` of an interleaved [n, 3] image divided by `s`. */
export function colorFeature(image: usize, n: i32, c: i32, s: f32, padded: i32, out: usize): void {
  for (let k = 0; k < n; k++) store<f32>(out + ((<usize>k) << 2), <f32>load<u8>(image + <usize>(k * 3 + c)) / s);
  for (let k = n; k < padded; k++) store<f32>(out + ((<usize>k) << 2), 0);
}

/** Pixels whose keys are made together and then looked up together. */
const block: i32 = 64;

// Scratch of one thread: 6 vectors each of elevated, rem0 and rank, then by rank values and units, then a block's keys
// and open look-ups.
const rem0At: usize = 128;
const rankAt: usize = 256;
const scaleAt: usize = 384;
const byRankAt: usize = 512;
const unitAt: usize = 576;
const blockKeysAt: usize = 640;
const pendingAt: usize = blockKeysAt + 64 * 6 * 8;

/** Bytes of scratch that {@link buildPart} and {@link chainAxis} need. */
export function scratchBytes(): i32 {
  return <i32>pendingAt + 64 * 6 * 4;
}

/**
 * Puts pixels [from, to), multiples of 4, of planar features [d, padded] on a lattice of its own. Writes their rows and
 * barycentric weights [padded, d + 1]; returns the number of points.
 *
 * The padding (n rounded up to 4) takes part as points at 0, as it does in the original. `table` needs room for a power
 * of two above 4 (d + 1) (to - from) entries, `keys` for (d + 1) (to - from) + 1; only what is used is touched.
 */
export function buildPart(
  d: i32,
  features: usize,
  padded: i32,
  from: i32,
  to: i32,
  rows: usize,
  weights: usize,
  keys: usize,
  table: usize,
  scratch: usize,
): i32 {
  const d1 = d + 1;
  const fieldBits = 60 / d;
  const ones = onesOf(d, fieldBits);
  setTable(table, 14, keys, 0);
  store<u64>(keys, noKey);
  memory.fill(table, 0, 4 << 14);

  const spread = <f32>(sqrt<f64>(2.0 / 3.0) * <f64>d1);
  for (let i = 0; i < d; i++) {
    const factor = <f32>((1.0 / sqrt<f64>(<f64>((i + 2) * (i + 1)))) * <f64>spread);
    v128.store(scratch + scaleAt + ((<usize>i) << 4), f32x4.splat(factor));
  }
  const blockKeys = scratch + blockKeysAt;
  for (let first = from; first < to; first += block) {
    const last = min<i32>(first + block, to);
    let key = blockKeys;
    for (let k = first; k < last; k += 4) {
      simplexOf(d, features + ((<usize>k) << 2), (<usize>padded) << 2, scratch);
      verticesOf(d, fieldBits, ones, scratch, key, weights + ((<usize>(k * d1)) << 2));
      key += (<usize>d1) << 5;
    }
    findAll(blockKeys, (last - first) * d1, rows + ((<usize>(first * d1)) << 2), scratch + pendingAt, true);
  }
  return points;
}

/** Bits of the hash table that {@link buildPart} left behind. */
export function tableBits(): i32 {
  return <i32>(64 - tableShift);
}

/** Of four pixels: nearest point of remainder 0, rank of each coordinate's offset, offsets over d + 1. */
function simplexOf(d: i32, features: usize, plane: usize, scratch: usize): void {
  const d1 = d + 1;
  const vInv = f32x4.splat(<f32>1.0 / <f32>d1);
  const vD1 = f32x4.splat(<f32>d1);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const rem0 = scratch + rem0At;
  const rank = scratch + rankAt;
  // Elevate: position in the hyperplane of d + 1 coordinates that sum to 0.
  let sm = zero;
  for (let j = d; j > 0; j--) {
    const cf = f32x4.mul(
      v128.load(features + <usize>(j - 1) * plane),
      v128.load(scratch + scaleAt + ((<usize>(j - 1)) << 4)),
    );
    v128.store(scratch + ((<usize>j) << 4), f32x4.sub(sm, f32x4.mul(f32x4.splat(<f32>j), cf)));
    sm = f32x4.add(sm, cf);
  }
  v128.store(scratch, sm);
  let sum = zero;
  for (let i = 0; i <= d; i++) {
    const v = f32x4.nearest(f32x4.mul(vInv, v128.load(scratch + ((<usize>i) << 4))));
    v128.store(rem0 + ((<usize>i) << 4), f32x4.mul(v, vD1));
    v128.store(rank + ((<usize>i) << 4), zero);
    sum = f32x4.add(sum, v);
  }
  for (let i = 0; i < d; i++) {
    const di = f32x4.sub(v128.load(scratch + ((<usize>i) << 4)), v128.load(rem0 + ((<usize>i) << 4)));
    let ri = v128.load(rank + ((<usize>i) << 4));
    for (let j = i + 1; j <= d; j++) {
      const dj = f32x4.sub(v128.load(scratch + ((<usize>j) << 4)), v128.load(rem0 + ((<usize>j) << 4)));
      const c = v128.and(one, f32x4.lt(di, dj));
      ri = f32x4.add(ri, c);
      v128.store(rank + ((<usize>j) << 4), f32x4.add(v128.load(rank + ((<usize>j) << 4)), f32x4.sub(one, c)));
    }
    v128.store(rank + ((<usize>i) << 4), ri);
  }
  for (let i = 0; i <= d; i++) {
    const at = (<usize>i) << 4;
    const r = f32x4.add(v128.load(rank + at), sum);
    const shift = f32x4.sub(v128.and(vD1, f32x4.lt(r, zero)), v128.and(vD1, f32x4.ge(r, vD1)));
    const rem = f32x4.add(v128.load(rem0 + at), shift);
    v128.store(rank + at, i32x4.trunc_sat_f32x4_s(f32x4.add(r, shift)));
    v128.store(rem0 + at, i32x4.trunc_sat_f32x4_s(rem));
    v128.store(scratch + at, f32x4.mul(f32x4.sub(v128.load(scratch + at), rem), vInv));
  }
}

/** Keys [4, d + 1] and barycentric weights [4, d + 1] of the vertices of the simplices that {@link simplexOf} found. */
function verticesOf(d: i32, fieldBits: i32, ones: u64, scratch: usize, keys: usize, weights: usize): void {
  const d1 = <usize>(d + 1);
  const byRank = scratch + byRankAt;
  const units = scratch + unitAt;
  for (let lane: usize = 0; lane < 16; lane += 4) {
    let key: u64 = 0;
    for (let i: usize = 0; i < d1; i++) {
      const at = scratch + lane + (i << 4);
      const r = <usize>load<i32>(at + rankAt);
      const unit = i < <usize>d ? u64(1) << u64(<i32>i * fieldBits) : 0;
      store<f32>(byRank + (r << 2), load<f32>(at));
      store<u64>(units + (r << 3), ones - u64(d1) * unit);
      key += u64(i64(load<i32>(at + rem0At))) * unit;
    }
    let next = load<f32>(byRank + ((<usize>d) << 2));
    store<f32>(weights, next + (<f32>1.0 + (<f32>0.0 - load<f32>(byRank))));
    store<u64>(keys, key);
    for (let r: usize = 1; r < d1; r++) {
      const v = load<f32>(byRank + ((<usize>d - r) << 2));
      store<f32>(weights + (r << 2), v - next);
      next = v;
      key += load<u64>(units + ((d1 - r) << 3));
      store<u64>(keys + (r << 3), key);
    }
    keys += d1 << 3;
    weights += d1 << 2;
  }
}

/**
 * Adds the points of a second part to the lattice of the first, whose keys need room for both; `map` [count + 1] becomes
 * the row of each. Returns the number of points.
 */
export function mergePart(
  table: usize,
  bits: i32,
  keys: usize,
  count: i32,
  otherKeys: usize,
  otherCount: i32,
  map: usize,
  scratch: usize,
): i32 {
  setTable(table, bits, keys, count);
  store<i32>(map, 0);
  for (let first = 1; first <= otherCount; first += 384) {
    const size = min<i32>(384, otherCount + 1 - first);
    findAll(otherKeys + ((<usize>first) << 3), size, map + ((<usize>first) << 2), scratch + pendingAt, true);
  }
  return points;
}

/** rows[i] = map[rows[i]] for entries [from, to). */
export function remap(rows: usize, from: i32, to: i32, map: usize): void {
  const end = rows + ((<usize>to) << 2);
  for (let at = rows + ((<usize>from) << 2); at < end; at += 4) {
    store<i32>(at, load<i32>(map + ((<usize>load<i32>(at)) << 2)));
  }
}

/** Words of an axis' header, see {@link chainAxis}. */
export const axisWords: i32 = 8;

/**
 * Strings the points of a lattice together along axis `j`. A point without a neighbour is left out, two neighbours are a
 * pair, more are a chain; the list holds the pairs from its front and the chains up to its end, each after a 0, with a
 * last 0 behind them.
 *
 * `header`: address of the pairs, their number, addresses of the chains' first 0, of a 0 near their middle, and of the
 * last. `list` needs room for 4/3 count + 2 rows; `next` for count + 1 rows and `taken` for count + 1 bytes.
 */
export function chainAxis(
  d: i32,
  j: i32,
  table: usize,
  bits: i32,
  keys: usize,
  count: i32,
  list: usize,
  listRows: i32,
  header: usize,
  next: usize,
  taken: usize,
  scratch: usize,
): void {
  const fieldBits = 60 / d;
  const step = u64(d + 1) * unitOf(j, d, fieldBits) - onesOf(d, fieldBits);
  setTable(table, bits, keys, count);
  const blockKeys = scratch + blockKeysAt;
  for (let first = 1; first <= count; first += 384) {
    const size = min<i32>(384, count + 1 - first);
    const from = keys + ((<usize>first) << 3);
    for (let i: usize = 0; i < <usize>size; i++) {
      store<u64>(blockKeys + (i << 3), load<u64>(from + (i << 3)) + step);
    }
    findAll(blockKeys, size, next + ((<usize>first) << 2), scratch + pendingAt, false);
  }
  store<i32>(next, 0);
  memory.fill(taken, 0, <usize>(count + 1));
  for (let i: usize = 1; i <= <usize>count; i++) store<u8>(taken + <usize>load<i32>(next + (i << 2)), 1);
  let front = list;
  let back = list + ((<usize>listRows - 1) << 2);
  const end = back;
  store<i32>(back, 0);
  for (let i: usize = 1; i <= <usize>count; i++) {
    const second = load<i32>(next + (i << 2));
    if (second === 0 || load<u8>(taken + i) !== 0) continue;
    let row = load<i32>(next + ((<usize>second) << 2));
    if (row === 0) {
      store<i32>(front, <i32>i);
      store<i32>(front, second, 4);
      front += 8;
      continue;
    }
    back -= 12;
    store<i32>(back, <i32>i, 8);
    store<i32>(back, second, 4);
    while (row !== 0) {
      store<i32>(back, row);
      back -= 4;
      row = load<i32>(next + ((<usize>row) << 2));
    }
    store<i32>(back, 0);
  }
  let middle = back + (((end - back) >> 3) << 2);
  while (load<i32>(middle) !== 0) middle += 4;
  store<i32>(header, <i32>list);
  store<i32>(header, <i32>((front - list) >> 3), 4);
  store<i32>(header, <i32>back, 8);
  store<i32>(header, <i32>middle, 12);
  store<i32>(header, <i32>end, 16);
}
