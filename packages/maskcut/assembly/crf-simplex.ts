// asc: library
// From pixels to the vertices of their simplices, tile by tile.
import { stripWidth, tile } from './crf-lattice';
import { sortBytes } from './crf-points';

/** Pixels whose keys are made together and then looked up together. */
const block: i32 = 64;

// Scratch of one thread, after what a sort takes: 6 vectors each of elevated, rem0 and rank, then by rank values and key
// steps, each coordinate's weight and step, a block's keys and which of them are open, the tile's features and its hash
// table.
const rem0At: usize = 128;
const rankAt: usize = 256;
const scaleAt: usize = 384;
const byRankAt: usize = 512;
const stepAt: usize = 576;
const ownStepAt: usize = 640;
const ownWeightAt: usize = 704;
const blockKeysAt: usize = 768;
const pendingAt: usize = blockKeysAt + 64 * 6 * 8;
const featuresAt: usize = pendingAt + 64 * 6 * 2;
const tableAt: usize = featuresAt + 5 * 4096 * 4;
const tableBits: usize = 16;

/** Bytes of scratch that a thread needs while a lattice is built. */
export function scratchBytes(): i32 {
  return <i32>(sortBytes + tableAt + (2 << tableBits));
}

/**
 * Puts tiles [first, last) on the lattice: writes their barycentric weights [padded, d + 1], the local numbers of their
 * vertices, and for each tile its first entry and their number. Entries are numbered from `entry`, an entry holds its key
 * above `indexBits` bits of its number. Returns the number of the next entry.
 *
 * `tables` holds the position along x [w] and y [h] and for d = 5 each colour channel [256], over their widths; `image` is
 * [h, w, 3]. The padding (n rounded up to 4) takes part as points at 0, as it does in the original.
 *
 * @param keyWeights - float64 [d + 2]: a coordinate's share in the key over d + 1, the key's change when all
 *   coordinates grow by one, and the key of the origin
 */
export function buildTiles(
  d: i32,
  w: i32,
  h: i32,
  first: i32,
  last: i32,
  image: usize,
  tables: usize,
  keyWeights: usize,
  indexBits: i32,
  entry: i32,
  weights: usize,
  locals: usize,
  tiles: usize,
  entries: usize,
  scratch: usize,
): i32 {
  scratch += sortBytes;
  const d1 = d + 1;
  const padded = (w * h + 3) & -4;
  const spread = <f32>(sqrt<f64>(2.0 / 3.0) * <f64>d1);
  for (let i = 0; i < d; i++) {
    const s = <f32>((1.0 / sqrt<f64>(<f64>((i + 1) * (i + 2)))) * <f64>spread);
    v128.store(scratch + scaleAt + ((<usize>i) << 4), f32x4.splat(s));
  }
  const growth = <i64>load<f64>(keyWeights + ((<usize>d) << 3));
  const origin = <i64>load<f64>(keyWeights + ((<usize>d) << 3), 8);
  for (let i: usize = 0; i <= <usize>d; i++) {
    const weight = i < <usize>d ? <i64>load<f64>(keyWeights + (i << 3)) : 0;
    store<i64>(scratch + ownWeightAt + (i << 3), weight);
    store<i64>(scratch + ownStepAt + (i << 3), growth - weight);
  }
  const blockKeys = scratch + blockKeysAt;
  const features = scratch + featuresAt;
  for (let t = first; t < last; t++) {
    const from = t * tile;
    const to = min<i32>(padded, from + tile);
    featuresOf(d, w, h, from, to, image, tables, features);
    memory.fill(scratch + tableAt, 0, 2 << tableBits);
    let count = 0;
    for (let start = from; start < to; start += block) {
      const end = min<i32>(to, start + block);
      let key = blockKeys;
      for (let k = start; k < end; k += 4) {
        simplexOf(d, features + ((<usize>(k - from)) << 2), scratch);
        verticesOf(d, origin, scratch, key, weights + ((<usize>(k * d1)) << 2));
        key += (<usize>d1) << 5;
      }
      const out = locals + ((<usize>(start * d1)) << 1);
      count = numberKeys(blockKeys, (end - start) * d1, indexBits, entry, count, out, entries, scratch);
    }
    store<i32>(tiles + ((<usize>t) << 3), entry);
    store<i32>(tiles + ((<usize>t) << 3), count, 4);
    entry += count;
  }
  return entry;
}

/** Planar features [d, tile] of pixels [from, to). */
function featuresOf(d: i32, w: i32, h: i32, from: i32, to: i32, image: usize, tables: usize, out: usize): void {
  const plane = (<usize>tile) << 2;
  const rowTable = tables + ((<usize>w) << 2);
  const red = rowTable + ((<usize>h) << 2);
  let left = (from / (stripWidth * h)) * stripWidth;
  let end = min<i32>(w, left + stripWidth);
  let y = left < w ? (from - left * h) / (end - left) : 0;
  let x = left < w ? left + ((from - left * h) % (end - left)) : 0;
  for (let k = from; k < to; k++) {
    if (k >= w * h) {
      for (let i: usize = 0; i < <usize>d; i++) store<f32>(out + i * plane, 0);
    } else {
      store<f32>(out, load<f32>(tables + ((<usize>x) << 2)));
      store<f32>(out + plane, load<f32>(rowTable + ((<usize>y) << 2)));
      if (d === 5) {
        const pixel = image + <usize>((y * w + x) * 3);
        store<f32>(out + 2 * plane, load<f32>(red + ((<usize>load<u8>(pixel)) << 2)));
        store<f32>(out + 3 * plane, load<f32>(red + ((<usize>load<u8>(pixel, 1)) << 2), 1024));
        store<f32>(out + 4 * plane, load<f32>(red + ((<usize>load<u8>(pixel, 2)) << 2), 2048));
      }
      x++;
      if (x === end) {
        x = left;
        y++;
        if (y === h) {
          y = 0;
          left += stripWidth;
          x = left;
          end = min<i32>(w, left + stripWidth);
        }
      }
    }
    out += 4;
  }
}

/**
 * Local numbers of `count` keys in a tile that has `known` points so far; returns how many it has then.
 *
 * The first probe of all comes first, without a branch: which keys are new cannot be predicted.
 */
function numberKeys(
  keys: usize,
  count: i32,
  indexBits: i32,
  entry: i32,
  known: i32,
  out: usize,
  entries: usize,
  scratch: usize,
): i32 {
  const mask = (usize(1) << tableBits) - 1;
  const table = scratch + tableAt;
  const pending = scratch + pendingAt;
  const own = entries + ((<usize>entry) << 3);
  let open: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = load<u64>(keys + (i << 3)) << u64(indexBits);
    const local = <i32>load<u16>(table + (slotOf(key) << 1));
    // 0 is no point: what then stands before the tile's own does not count.
    const same = (load<u64>(own + ((<usize>local) << 3) - 8) ^ key) >> u64(indexBits) === 0;
    store<u16>(out + (i << 1), <u16>(local - 1));
    store<u16>(pending + (open << 1), <u16>i);
    open += <usize>!((<i32>same) & (<i32>(local !== 0)));
  }
  for (let p: usize = 0; p < open; p++) {
    const i = <usize>load<u16>(pending + (p << 1));
    const key = load<u64>(keys + (i << 3)) << u64(indexBits);
    let slot = slotOf(key);
    while (true) {
      const local = <i32>load<u16>(table + (slot << 1)) - 1;
      if (local < 0) {
        store<u64>(own + ((<usize>known) << 3), key | u64(entry + known));
        store<u16>(out + (i << 1), <u16>known);
        known++;
        store<u16>(table + (slot << 1), <u16>known);
        break;
      }
      if ((load<u64>(own + ((<usize>local) << 3)) ^ key) >> u64(indexBits) === 0) {
        store<u16>(out + (i << 1), <u16>local);
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
  return known;
}

function slotOf(key: u64): usize {
  return <usize>((key * 0x9e3779b97f4a7c15) >> u64(64 - tableBits));
}

/** Of four pixels: nearest point of remainder 0 over d + 1, rank of each coordinate's offset, offsets over d + 1. */
function simplexOf(d: i32, features: usize, scratch: usize): void {
  const d1 = d + 1;
  const plane = (<usize>tile) << 2;
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
    v128.store(rem0 + at, i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(rem, vInv))));
    v128.store(scratch + at, f32x4.mul(f32x4.sub(v128.load(scratch + at), rem), vInv));
  }
}

/** Keys [4, d + 1] and barycentric weights [4, d + 1] of the vertices of the simplices that {@link simplexOf} found. */
function verticesOf(d: i32, origin: i64, scratch: usize, keys: usize, weights: usize): void {
  const d1 = <usize>(d + 1);
  const byRank = scratch + byRankAt;
  const steps = scratch + stepAt;
  for (let lane: usize = 0; lane < 16; lane += 4) {
    let key = origin;
    for (let i: usize = 0; i < d1; i++) {
      const at = scratch + lane + (i << 4);
      const r = <usize>load<i32>(at + rankAt);
      store<f32>(byRank + (r << 2), load<f32>(at));
      store<i64>(steps + (r << 3), load<i64>(scratch + ownStepAt + (i << 3)));
      key += i64(load<i32>(at + rem0At)) * load<i64>(scratch + ownWeightAt + (i << 3));
    }
    let next = load<f32>(byRank + ((<usize>d) << 2));
    store<f32>(weights, next + (<f32>1.0 + (<f32>0.0 - load<f32>(byRank))));
    store<i64>(keys, key);
    for (let r: usize = 1; r < d1; r++) {
      const v = load<f32>(byRank + ((<usize>d - r) << 2));
      store<f32>(weights + (r << 2), v - next);
      next = v;
      key += load<i64>(steps + ((d1 - r) << 3));
      store<i64>(keys + (r << 3), key);
    }
    keys += d1 << 3;
    weights += d1 << 2;
  }
}
