// Dense CRF kernels: the permutohedral lattice of Adams, Baek and Davis (2010) as Kraehenbuehl and Koltun's dense CRF
// defines it (feature order, rounding, blur and scaling are theirs: the result depends on them), and mean-field steps.
//
// Values live on lattice points as rows of V float32; row 0 is always zero and stands for "no such point", so a point's
// row is its index + 1.

/** First free byte of the memory; everything above belongs to the caller. */
export function heapBase(): usize {
  return __heap_base;
}

const elevated = memory.data(16 * 16, 16);
const rem0 = memory.data(16 * 16, 16);
const rank = memory.data(16 * 16, 16);
const scaleOf = memory.data(16 * 16, 16);
const byRank = memory.data(4 * 16, 16);
const axisAt = memory.data(4 * 16, 16);
const lastKey = memory.data(8 * 16, 16);
const lastRow = memory.data(4 * 16, 16);

let tableAt: usize = 0;
let tableBits: u64 = 0;
let keysAt: usize = 0;
let points: i32 = 0;

function slotOf(key: u64): usize {
  return <usize>((key * 0x9e3779b97f4a7c15) >> (64 - tableBits));
}

// An entry is the row alone: the keys lie in the order of creation, so those of neighbouring pixels share cache lines.
function find(key: u64, create: bool): i32 {
  const mask = (usize(1) << usize(tableBits)) - 1;
  let slot = slotOf(key);
  while (true) {
    const row = load<i32>(tableAt + (slot << 2));
    if (row === 0) {
      if (!create) return 0;
      store<u64>(keysAt + ((<usize>points) << 3), key);
      points++;
      store<i32>(tableAt + (slot << 2), points);
      if (u64(points) * 2 > u64(1) << tableBits) grow();
      return points;
    }
    if (load<u64>(keysAt + ((<usize>(row - 1)) << 3)) === key) return row;
    slot = (slot + 1) & mask;
  }
}

function grow(): void {
  tableBits++;
  const capacity = usize(1) << usize(tableBits);
  memory.fill(tableAt, 0, capacity << 2);
  for (let i = 0; i < points; i++) {
    let slot = slotOf(load<u64>(keysAt + ((<usize>i) << 3)));
    while (load<i32>(tableAt + (slot << 2)) !== 0) slot = (slot + 1) & (capacity - 1);
    store<i32>(tableAt + (slot << 2), i + 1);
  }
}

function unitOf(i: i32, d: i32, fieldBits: i32): u64 {
  return i < d ? u64(1) << u64(i * fieldBits) : 0;
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

/**
 * Builds the lattice of planar features [d, padded] (padded: n rounded up to 4; the padding takes part as points at 0,
 * as it does in the original). Writes rows and barycentric weights [padded, d + 1]; returns the number of points M.
 *
 * `table` needs room for a power of two above 4 (d + 1) padded entries, `keys` for (d + 1) padded; only what is used
 * is touched.
 */
export function buildLattice(
  d: i32,
  features: usize,
  padded: i32,
  rows: usize,
  weights: usize,
  keys: usize,
  table: usize,
): i32 {
  const d1 = d + 1;
  const fieldBits = 60 / d;
  let ones: u64 = 0;
  for (let i = 0; i < d; i++) ones += unitOf(i, d, fieldBits);
  tableAt = table;
  keysAt = keys;
  tableBits = 14;
  points = 0;
  memory.fill(table, 0, 4 << 14);
  for (let r = 0; r <= d; r++) store<i32>(lastRow + ((<usize>r) << 2), 0);

  const invD1: f32 = <f32>1.0 / <f32>d1;
  const spread = <f32>(sqrt<f64>(2.0 / 3.0) * <f64>d1);
  for (let i = 0; i < d; i++) {
    const factor = <f32>((1.0 / sqrt<f64>(<f64>((i + 2) * (i + 1)))) * <f64>spread);
    v128.store(scaleOf + ((<usize>i) << 4), f32x4.splat(factor));
  }
  const vInv = f32x4.splat(invD1);
  const vD1 = f32x4.splat(<f32>d1);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const plane = (<usize>padded) << 2;

  for (let k = 0; k < padded; k += 4) {
    // Elevate: position in the hyperplane of d + 1 coordinates that sum to 0.
    let sm = zero;
    for (let j = d; j > 0; j--) {
      const cf = f32x4.mul(
        v128.load(features + <usize>(j - 1) * plane + ((<usize>k) << 2)),
        v128.load(scaleOf + ((<usize>(j - 1)) << 4)),
      );
      v128.store(elevated + ((<usize>j) << 4), f32x4.sub(sm, f32x4.mul(f32x4.splat(<f32>j), cf)));
      sm = f32x4.add(sm, cf);
    }
    v128.store(elevated, sm);

    // Nearest point of remainder 0.
    let sum = zero;
    for (let i = 0; i <= d; i++) {
      const v = f32x4.nearest(f32x4.mul(vInv, v128.load(elevated + ((<usize>i) << 4))));
      v128.store(rem0 + ((<usize>i) << 4), f32x4.mul(v, vD1));
      v128.store(rank + ((<usize>i) << 4), zero);
      sum = f32x4.add(sum, v);
    }
    // Rank of each coordinate's offset, which names the simplex.
    for (let i = 0; i < d; i++) {
      const di = f32x4.sub(v128.load(elevated + ((<usize>i) << 4)), v128.load(rem0 + ((<usize>i) << 4)));
      let ri = v128.load(rank + ((<usize>i) << 4));
      for (let j = i + 1; j <= d; j++) {
        const dj = f32x4.sub(v128.load(elevated + ((<usize>j) << 4)), v128.load(rem0 + ((<usize>j) << 4)));
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
      v128.store(elevated + at, f32x4.mul(f32x4.sub(v128.load(elevated + at), rem), vInv));
    }
    for (let lane = 0; lane < 4; lane++) {
      const l = (<usize>lane) << 2;
      let key: u64 = 0;
      for (let i = 0; i <= d; i++) {
        const r = <usize>load<i32>(rank + ((<usize>i) << 4) + l);
        store<f32>(byRank + (r << 2), load<f32>(elevated + ((<usize>i) << 4) + l));
        store<i32>(axisAt + (r << 2), i);
        if (i < d) key += u64(i64(load<i32>(rem0 + ((<usize>i) << 4) + l))) << u64(i * fieldBits);
      }
      const base = <usize>(k + lane) * d1;
      let next: f32 = 0;
      for (let r = 0; r <= d; r++) {
        const v = load<f32>(byRank + ((<usize>(d - r)) << 2));
        let w: f32;
        if (r === 0) {
          w = v + (<f32>1.0 + (<f32>0.0 - load<f32>(byRank)));
        } else {
          w = v - next;
          key += ones;
          key -= <u64>d1 * unitOf(load<i32>(axisAt + ((<usize>(d - r + 1)) << 2)), d, fieldBits);
        }
        next = v;
        let row = load<i32>(lastRow + ((<usize>r) << 2));
        if (row === 0 || load<u64>(lastKey + ((<usize>r) << 3)) !== key) {
          row = find(key, true);
          store<u64>(lastKey + ((<usize>r) << 3), key);
          store<i32>(lastRow + ((<usize>r) << 2), row);
        }
        store<i32>(rows + ((base + r) << 2), row);
        store<f32>(weights + ((base + r) << 2), w);
      }
    }
  }
  return points;
}

/** Rows of both neighbours of every point along each of the d + 1 axes, [d + 1, M, 2]; 0 where there is none. */
export function findNeighbors(d: i32, neighbors: usize): void {
  const d1 = d + 1;
  const fieldBits = 60 / d;
  let ones: u64 = 0;
  for (let i = 0; i < d; i++) ones += unitOf(i, d, fieldBits);
  const count = points;
  memory.fill(neighbors, 0, (<usize>d1 * count) << 3);
  for (let j = 0; j <= d; j++) {
    const step = <u64>d1 * unitOf(j, d, fieldBits) - ones;
    const axis = neighbors + ((<usize>j * count) << 3);
    for (let i = 0; i < count; i++) {
      const other = find(load<u64>(keysAt + ((<usize>i) << 3)) + step, false);
      if (other === 0) continue;
      store<i32>(axis + ((<usize>i) << 3), other);
      store<i32>(axis + ((<usize>(other - 1)) << 3) + 4, i + 1);
    }
  }
}

/** Adds pixels [from, to) to the lattice: values[row] += weight * scale[pixel] * q[pixel], one value a row. */
export function splat1(
  d1: i32,
  from: i32,
  to: i32,
  rows: usize,
  weights: usize,
  scale: usize,
  q: usize,
  values: usize,
): void {
  let at = (<usize>from * d1) << 2;
  if (d1 === 6) {
    for (let k = from; k < to; k++) {
      const v = load<f32>(q + ((<usize>k) << 2)) * load<f32>(scale + ((<usize>k) << 2));
      const r = rows + at;
      const w = weights + at;
      const p0 = values + ((<usize>load<i32>(r)) << 2);
      const p1 = values + ((<usize>load<i32>(r, 4)) << 2);
      const p2 = values + ((<usize>load<i32>(r, 8)) << 2);
      const p3 = values + ((<usize>load<i32>(r, 12)) << 2);
      const p4 = values + ((<usize>load<i32>(r, 16)) << 2);
      const p5 = values + ((<usize>load<i32>(r, 20)) << 2);
      store<f32>(p0, load<f32>(p0) + load<f32>(w) * v);
      store<f32>(p1, load<f32>(p1) + load<f32>(w, 4) * v);
      store<f32>(p2, load<f32>(p2) + load<f32>(w, 8) * v);
      store<f32>(p3, load<f32>(p3) + load<f32>(w, 12) * v);
      store<f32>(p4, load<f32>(p4) + load<f32>(w, 16) * v);
      store<f32>(p5, load<f32>(p5) + load<f32>(w, 20) * v);
      at += 24;
    }
    return;
  }
  for (let k = from; k < to; k++) {
    const v = load<f32>(q + ((<usize>k) << 2)) * load<f32>(scale + ((<usize>k) << 2));
    for (let j = 0; j < d1; j++) {
      const p = values + ((<usize>load<i32>(rows + at)) << 2);
      store<f32>(p, load<f32>(p) + load<f32>(weights + at) * v);
      at += 4;
    }
  }
}

/** Reads pixels [from, to) from the lattice: out = base + scale[pixel] * sum of weight * values[row]. */
export function slice1(
  d1: i32,
  from: i32,
  to: i32,
  rows: usize,
  weights: usize,
  scale: usize,
  values: usize,
  base: usize,
  out: usize,
): void {
  let at = (<usize>from * d1) << 2;
  if (d1 === 6) {
    for (let k = from; k < to; k++) {
      const r = rows + at;
      const w = weights + at;
      const s =
        load<f32>(w) * load<f32>(values + ((<usize>load<i32>(r)) << 2)) +
        load<f32>(w, 4) * load<f32>(values + ((<usize>load<i32>(r, 4)) << 2)) +
        load<f32>(w, 8) * load<f32>(values + ((<usize>load<i32>(r, 8)) << 2)) +
        (load<f32>(w, 12) * load<f32>(values + ((<usize>load<i32>(r, 12)) << 2)) +
          load<f32>(w, 16) * load<f32>(values + ((<usize>load<i32>(r, 16)) << 2)) +
          load<f32>(w, 20) * load<f32>(values + ((<usize>load<i32>(r, 20)) << 2)));
      const o = (<usize>k) << 2;
      store<f32>(out + o, load<f32>(base + o) + load<f32>(scale + o) * s);
      at += 24;
    }
    return;
  }
  for (let k = from; k < to; k++) {
    let s: f32 = 0;
    for (let j = 0; j < d1; j++) {
      s += load<f32>(weights + at) * load<f32>(values + ((<usize>load<i32>(rows + at)) << 2));
      at += 4;
    }
    const o = (<usize>k) << 2;
    store<f32>(out + o, load<f32>(base + o) + load<f32>(scale + o) * s);
  }
}

/** One axis of the blur, one value a row. */
export function blur1(count: i32, axis: usize, input: usize, output: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const a = load<f32>(input + ((<usize>load<i32>(axis + (i << 3))) << 2));
    const b = load<f32>(input + ((<usize>load<i32>(axis + (i << 3), 4)) << 2));
    store<f32>(output + (i << 2), load<f32>(input + (i << 2), 4) + <f32>0.5 * (a + b), 4);
  }
}

/** {@link splat1} for rows of 4 * lanes values. */
export function splat4(
  d1: i32,
  lanes: i32,
  from: i32,
  to: i32,
  rows: usize,
  weights: usize,
  scale: usize,
  q: usize,
  values: usize,
): void {
  const width = (<usize>lanes) << 4;
  let at = (<usize>from * d1) << 2;
  for (let k = from; k < to; k++) {
    const source = q + <usize>k * width;
    const s = load<f32>(scale + ((<usize>k) << 2));
    let j = 0;
    for (; j + 3 <= d1; j += 3) {
      const w0 = f32x4.splat(load<f32>(weights + at) * s);
      const w1 = f32x4.splat(load<f32>(weights + at, 4) * s);
      const w2 = f32x4.splat(load<f32>(weights + at, 8) * s);
      const p0 = values + <usize>load<i32>(rows + at) * width;
      const p1 = values + <usize>load<i32>(rows + at, 4) * width;
      const p2 = values + <usize>load<i32>(rows + at, 8) * width;
      for (let l: usize = 0; l < width; l += 16) {
        const v = v128.load(source + l);
        v128.store(p0 + l, f32x4.add(v128.load(p0 + l), f32x4.mul(w0, v)));
        v128.store(p1 + l, f32x4.add(v128.load(p1 + l), f32x4.mul(w1, v)));
        v128.store(p2 + l, f32x4.add(v128.load(p2 + l), f32x4.mul(w2, v)));
      }
      at += 12;
    }
    for (; j < d1; j++) {
      const w = f32x4.splat(load<f32>(weights + at) * s);
      const p = values + <usize>load<i32>(rows + at) * width;
      for (let l: usize = 0; l < width; l += 16) {
        v128.store(p + l, f32x4.add(v128.load(p + l), f32x4.mul(w, v128.load(source + l))));
      }
      at += 4;
    }
  }
}

/** {@link slice1} for rows of 4 * lanes values, of d + 1 = 3 or 6 weights. */
export function slice4(
  d1: i32,
  lanes: i32,
  from: i32,
  to: i32,
  rows: usize,
  weights: usize,
  scale: usize,
  values: usize,
  base: usize,
  out: usize,
): void {
  const width = (<usize>lanes) << 4;
  let at = (<usize>from * d1) << 2;
  if (d1 === 6) {
    for (let k = from; k < to; k++) {
      const s = load<f32>(scale + ((<usize>k) << 2));
      const r = rows + at;
      const w = weights + at;
      const w0 = f32x4.splat(load<f32>(w) * s);
      const w1 = f32x4.splat(load<f32>(w, 4) * s);
      const w2 = f32x4.splat(load<f32>(w, 8) * s);
      const w3 = f32x4.splat(load<f32>(w, 12) * s);
      const w4 = f32x4.splat(load<f32>(w, 16) * s);
      const w5 = f32x4.splat(load<f32>(w, 20) * s);
      const p0 = values + <usize>load<i32>(r) * width;
      const p1 = values + <usize>load<i32>(r, 4) * width;
      const p2 = values + <usize>load<i32>(r, 8) * width;
      const p3 = values + <usize>load<i32>(r, 12) * width;
      const p4 = values + <usize>load<i32>(r, 16) * width;
      const p5 = values + <usize>load<i32>(r, 20) * width;
      const i = base + <usize>k * width;
      const o = out + <usize>k * width;
      for (let l: usize = 0; l < width; l += 16) {
        let a = f32x4.add(v128.load(i + l), f32x4.mul(w0, v128.load(p0 + l)));
        let b = f32x4.mul(w1, v128.load(p1 + l));
        a = f32x4.add(a, f32x4.mul(w2, v128.load(p2 + l)));
        b = f32x4.add(b, f32x4.mul(w3, v128.load(p3 + l)));
        a = f32x4.add(a, f32x4.mul(w4, v128.load(p4 + l)));
        b = f32x4.add(b, f32x4.mul(w5, v128.load(p5 + l)));
        v128.store(o + l, f32x4.add(a, b));
      }
      at += 24;
    }
    return;
  }
  for (let k = from; k < to; k++) {
    const s = load<f32>(scale + ((<usize>k) << 2));
    const w0 = f32x4.splat(load<f32>(weights + at) * s);
    const w1 = f32x4.splat(load<f32>(weights + at, 4) * s);
    const w2 = f32x4.splat(load<f32>(weights + at, 8) * s);
    const p0 = values + <usize>load<i32>(rows + at) * width;
    const p1 = values + <usize>load<i32>(rows + at, 4) * width;
    const p2 = values + <usize>load<i32>(rows + at, 8) * width;
    const i = base + <usize>k * width;
    const o = out + <usize>k * width;
    for (let l: usize = 0; l < width; l += 16) {
      let a = f32x4.add(v128.load(i + l), f32x4.mul(w0, v128.load(p0 + l)));
      a = f32x4.add(a, f32x4.mul(w1, v128.load(p1 + l)));
      v128.store(o + l, f32x4.add(a, f32x4.mul(w2, v128.load(p2 + l))));
    }
    at += 12;
  }
}

/** {@link blur1} for rows of 4 * lanes values. */
export function blur4(lanes: i32, count: i32, axis: usize, input: usize, output: usize): void {
  const width = (<usize>lanes) << 4;
  const half = f32x4.splat(0.5);
  let c = input + width;
  let o = output + width;
  for (let i: usize = 0; i < <usize>count; i++) {
    const a = input + <usize>load<i32>(axis + (i << 3)) * width;
    const b = input + <usize>load<i32>(axis + (i << 3), 4) * width;
    let l: usize = 0;
    for (; l + 32 <= width; l += 32) {
      const u = f32x4.mul(half, f32x4.add(v128.load(a + l), v128.load(b + l)));
      const v = f32x4.mul(half, f32x4.add(v128.load(a + l, 16), v128.load(b + l, 16)));
      v128.store(o + l, f32x4.add(v128.load(c + l), u));
      v128.store(o + l, f32x4.add(v128.load(c + l, 16), v), 16);
    }
    if (l < width) {
      const u = f32x4.mul(half, f32x4.add(v128.load(a + l), v128.load(b + l)));
      v128.store(o + l, f32x4.add(v128.load(c + l), u));
    }
    c += width;
    o += width;
  }
}

/** out[k] = in[k] * factor for float32 [0, n). */
export function scaled(n: i32, factor: f32, input: usize, out: usize): void {
  for (let k: usize = 0; k < (<usize>n) << 2; k += 4) store<f32>(out + k, load<f32>(input + k) * factor);
}

/** rows[k, l] -= factor * in[k] for `width` values a row. */
export function subtractEach(n: i32, width: i32, factor: f32, input: usize, rows: usize): void {
  let at = rows;
  for (let k: usize = 0; k < <usize>n; k++) {
    const v = factor * load<f32>(input + (k << 2));
    for (let l = 0; l < width; l++) {
      store<f32>(at, load<f32>(at) - v);
      at += 4;
    }
  }
}

/** rows[k, lane] = in[k] * factor: one plane into rows of `width` values. */
export function toLane(n: i32, width: i32, lane: i32, factor: f32, plane: usize, rows: usize): void {
  let at = rows + ((<usize>lane) << 2);
  const step = (<usize>width) << 2;
  for (let k: usize = 0; k < (<usize>n) << 2; k += 4) {
    store<f32>(at, load<f32>(plane + k) * factor);
    at += step;
  }
}

/** out[k] = rows[k, lane]. */
export function fromLane(n: i32, width: i32, lane: i32, rows: usize, plane: usize): void {
  let at = rows + ((<usize>lane) << 2);
  const step = (<usize>width) << 2;
  for (let k: usize = 0; k < (<usize>n) << 2; k += 4) {
    store<f32>(plane + k, load<f32>(at));
    at += step;
  }
}

/** out[k] = n^-1/2 or n^-1 of the filter's response to ones. */
export function normalizer(n: i32, root: bool, factor: f32, norm: usize, out: usize): void {
  for (let k: usize = 0; k < (<usize>n) << 2; k += 4) {
    const v = <f64>load<f32>(norm + k) + 1e-20;
    store<f32>(out + k, <f32>(root ? 1.0 / sqrt(v) : 1.0 / v) * factor);
  }
}

/** Index of the largest of `labels` values of each row, the first of equals, as uint16. */
export function argmax(n: i32, width: i32, labels: i32, rows: usize, out: usize): void {
  let at = rows;
  for (let k: usize = 0; k < <usize>n; k++) {
    let best = 0;
    let top = load<f32>(at);
    for (let l = 1; l < labels; l++) {
      const v = load<f32>(at + ((<usize>l) << 2));
      if (v > top) {
        top = v;
        best = l;
      }
    }
    store<u16>(out + (k << 1), <u16>best);
    at += (<usize>width) << 2;
  }
}

// e^x for x <= 0 (Cody-Waite reduction, degree 6; about 1 ulp); 0 where x < floor.
function exp4(x: v128, floor: v128): v128 {
  const keep = f32x4.ge(x, floor);
  const t = f32x4.max(x, f32x4.splat(-87.0));
  const k = f32x4.nearest(f32x4.mul(t, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(t, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1.0));
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(127)), 23);
  return v128.and(keep, f32x4.mul(p, scale));
}

/** q = 1 / (1 + e^-logit) for floats [from, to), both multiples of 4; what is below e^floor becomes 0. */
export function sigmoid(from: i32, to: i32, logits: usize, q: usize, floor: f32): void {
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const low = f32x4.splat(floor);
  for (let k = (<usize>from) << 2; k < (<usize>to) << 2; k += 16) {
    const x = v128.load(logits + k);
    const e = exp4(f32x4.neg(f32x4.abs(x)), low);
    const r = f32x4.div(one, f32x4.add(one, e));
    v128.store(q + k, v128.bitselect(r, f32x4.mul(e, r), f32x4.ge(x, zero)));
  }
}

/** Softmax over the 4 * lanes labels of pixels [from, to); what is below e^floor of the largest becomes 0. */
export function softmax4(lanes: i32, from: i32, to: i32, logits: usize, q: usize, floor: f32): void {
  const width = (<usize>lanes) << 4;
  const low = f32x4.splat(floor);
  for (let k = from; k < to; k++) {
    const x = logits + <usize>k * width;
    const o = q + <usize>k * width;
    let m = v128.load(x);
    for (let l: usize = 16; l < width; l += 16) m = f32x4.max(m, v128.load(x + l));
    m = f32x4.max(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    m = f32x4.max(m, i8x16.shuffle(m, m, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    let s = f32x4.splat(0);
    for (let l: usize = 0; l < width; l += 16) {
      const e = exp4(f32x4.sub(v128.load(x + l), m), low);
      v128.store(o + l, e);
      s = f32x4.add(s, e);
    }
    s = f32x4.add(s, i8x16.shuffle(s, s, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    s = f32x4.add(s, i8x16.shuffle(s, s, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    const r = f32x4.div(f32x4.splat(1), s);
    for (let l: usize = 0; l < width; l += 16) v128.store(o + l, f32x4.mul(v128.load(o + l), r));
  }
}
