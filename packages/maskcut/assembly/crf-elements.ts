// asc: library
// Element-wise steps of the mean field, and conversions between planes [L, N] and rows of labels.
import { stripWidth } from './crf-lattice';

/** out[k] = in[k] * factor for float32 [n] rounded up to 4. */
export function scaled(n: i32, factor: f32, input: usize, out: usize): void {
  const f = f32x4.splat(factor);
  for (let k: usize = 0; k < (<usize>n) << 2; k += 16) v128.store(out + k, f32x4.mul(v128.load(input + k), f));
}

/** out[k] = value for float32 [n] rounded up to 4. */
export function filled(n: i32, value: f32, out: usize): void {
  const v = f32x4.splat(value);
  for (let k: usize = 0; k < (<usize>n) << 2; k += 16) v128.store(out + k, v);
}

/** Copies a plane [h, w] of 4-byte values into the order of strips (see `crf-lattice.ts`). */
export function toStrips(w: i32, h: i32, plane: usize, out: usize): void {
  for (let left = 0; left < w; left += stripWidth) {
    const bytes = (<usize>min<i32>(stripWidth, w - left)) << 2;
    let from = plane + ((<usize>left) << 2);
    for (let y = 0; y < h; y++) {
      memory.copy(out, from, bytes);
      out += bytes;
      from += (<usize>w) << 2;
    }
  }
}

/** The other way round. */
export function fromStrips(w: i32, h: i32, strips: usize, out: usize): void {
  for (let left = 0; left < w; left += stripWidth) {
    const bytes = (<usize>min<i32>(stripWidth, w - left)) << 2;
    let to = out + ((<usize>left) << 2);
    for (let y = 0; y < h; y++) {
      memory.copy(to, strips, bytes);
      strips += bytes;
      to += (<usize>w) << 2;
    }
  }
}

/** Rows of 4 values from as many planes [padded], times `factor`; padded is a multiple of 4. */
export function toRows(padded: i32, factor: f32, planes: usize, rows: usize): void {
  const plane = (<usize>padded) << 2;
  const f = f32x4.splat(factor);
  for (let from = planes; from < planes + plane; from += 16) {
    transpose4(
      f32x4.mul(f, v128.load(from)),
      f32x4.mul(f, v128.load(from + plane)),
      f32x4.mul(f, v128.load(from + 2 * plane)),
      f32x4.mul(f, v128.load(from + 3 * plane)),
      rows,
      16,
    );
    rows += 64;
  }
}

/** Planes [padded] from rows of 4 values, the other way round. */
export function toPlanes(padded: i32, rows: usize, planes: usize): void {
  const plane = (<usize>padded) << 2;
  for (let to = planes; to < planes + plane; to += 16) {
    transpose4(v128.load(rows), v128.load(rows, 16), v128.load(rows, 32), v128.load(rows, 48), to, plane);
    rows += 64;
  }
}

function transpose4(a: v128, b: v128, c: v128, d: v128, out: usize, stride: usize): void {
  const ab0 = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const ab1 = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const cd0 = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const cd1 = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(out, i64x2.shuffle(ab0, cd0, 0, 2));
  v128.store(out + stride, i64x2.shuffle(ab0, cd0, 1, 3));
  v128.store(out + 2 * stride, i64x2.shuffle(ab1, cd1, 0, 2));
  v128.store(out + 3 * stride, i64x2.shuffle(ab1, cd1, 1, 3));
}

/** out[k] = n^-1/2 or n^-1 of the filter's response to ones, [n] rounded up to 4. */
export function normalizer(n: i32, root: bool, norm: usize, out: usize): void {
  const one = f64x2.splat(1);
  const tiny = f64x2.splat(1e-20);
  for (let k: usize = 0; k < (<usize>n) << 2; k += 16) {
    const v = v128.load(norm + k);
    let a = f64x2.add(f64x2.promote_low_f32x4(v), tiny);
    let b = f64x2.add(f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0)), tiny);
    if (root) {
      a = f64x2.sqrt(a);
      b = f64x2.sqrt(b);
    }
    a = f32x4.demote_f64x2_zero(f64x2.div(one, a));
    b = f32x4.demote_f64x2_zero(f64x2.div(one, b));
    v128.store(out + k, i64x2.shuffle(a, b, 0, 2));
  }
}

/** Where plane `label` exceeds `top`, it becomes `top` and its label `best`, both [padded]. */
export function keepLarger(padded: i32, label: i32, plane: usize, top: usize, best: usize): void {
  const mine = i32x4.splat(label);
  for (let k: usize = 0; k < (<usize>padded) << 2; k += 16) {
    const v = v128.load(plane + k);
    const t = v128.load(top + k);
    const larger = f32x4.gt(v, t);
    v128.store(top + k, v128.bitselect(v, t, larger));
    v128.store(best + k, v128.bitselect(mine, v128.load(best + k), larger));
  }
}

// e^x for x <= 0 (Cody-Waite reduction, degree 6; about 1 ulp); 0 where x < floor.
function exp4(x: v128, floor: v128): v128 {
  const keep = f32x4.ge(x, floor);
  const t = f32x4.max(x, f32x4.splat(-87.0));
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  const z = f32x4.add(f32x4.mul(t, f32x4.splat(1.44269504088896341)), f32x4.splat(12582912.0));
  const k = f32x4.sub(z, f32x4.splat(12582912.0));
  let r = f32x4.sub(t, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1.0));
  const scale = i32x4.add(i32x4.shl(z, 23), i32x4.splat(127 << 23));
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

/** q = tanh(logit / 2), the difference of the two probabilities, likewise. */
export function tanhOfHalf(from: i32, to: i32, logits: usize, q: usize, floor: f32): void {
  const one = f32x4.splat(1);
  const sign = f32x4.splat(-0.0);
  const low = f32x4.splat(floor);
  for (let k = (<usize>from) << 2; k < (<usize>to) << 2; k += 16) {
    const x = v128.load(logits + k);
    const e = exp4(f32x4.neg(f32x4.abs(x)), low);
    const r = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
    v128.store(q + k, v128.or(r, v128.and(x, sign)));
  }
}

/**
 * Softmax over the labels of `count` pixels; what is below e^floor of the largest becomes 0. Labels lie in groups of 4,
 * group g of the logits from `logits + g * logitsStride`, of the result accordingly; the logits are overwritten.
 */
export function softmaxGroups(
  groups: i32,
  count: i32,
  logits: usize,
  logitsStride: usize,
  q: usize,
  qStride: usize,
  floor: f32,
): void {
  const low = f32x4.splat(floor);
  const end = logits + <usize>groups * logitsStride;
  for (let k: usize = 0; k < <usize>count; k++) {
    const first = logits + (k << 4);
    let m = v128.load(first);
    for (let x = first + logitsStride; x < end; x += logitsStride) m = f32x4.max(m, v128.load(x));
    m = f32x4.max(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    m = f32x4.max(m, i8x16.shuffle(m, m, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    let s = f32x4.splat(0);
    for (let x = first; x < end; x += logitsStride) {
      const e = exp4(f32x4.sub(v128.load(x), m), low);
      v128.store(x, e);
      s = f32x4.add(s, e);
    }
    s = f32x4.add(s, i8x16.shuffle(s, s, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    s = f32x4.add(s, i8x16.shuffle(s, s, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    const r = f32x4.div(f32x4.splat(1), s);
    let o = q + (k << 4);
    for (let x = first; x < end; x += logitsStride) {
      v128.store(o, f32x4.mul(v128.load(x), r));
      o += qStride;
    }
  }
}
