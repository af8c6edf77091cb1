// asc: --initialMemory 2 --maximumMemory 65536
// Nearest and second nearest centroid of a block of points: a register tile of 4 points x 8 centroids over panels of
// 8 interleaved centroids. Memory is laid out by the caller, who passes byte offsets.

/** Grows memory to at least `bytes`. */
export function reserve(bytes: i32): i32 {
  const need = (bytes + 65535) >>> 16;
  const have = memory.size();
  if (need > have) return memory.grow(need - have);
  return have;
}

/**
 * [K, D] row-major at `source` -> [ceil(K / 8), D, 8] at `panels`; missing centroids are zero.
 */
export function pack(source: usize, panels: usize, k: i32, dim: i32): void {
  const count = (k + 7) >> 3;
  for (let p = 0; p < count; p++) {
    for (let lane = 0; lane < 8; lane++) {
      const c = (p << 3) + lane;
      let to = panels + (((p * dim) << 3) << 2) + (lane << 2);
      if (c < k) {
        let from = source + ((c * dim) << 2);
        for (let j = 0; j < dim; j++) {
          store<f32>(to, load<f32>(from));
          from += 4;
          to += 32;
        }
      } else {
        for (let j = 0; j < dim; j++) {
          store<f32>(to, 0);
          to += 32;
        }
      }
    }
  }
}

/**
 * `scores` [4, 8 * panels] scratch: the scores of 4 points against every centroid, bias included.
 */
function scoreTile(x: usize, panels: usize, bias: usize, scores: usize, count: i32, dim: i32): void {
  const rowBytes = <usize>(dim << 2);
  const scoreRow = <usize>(count << 5);
  for (let p = 0; p < count; p++) {
    const b0 = v128.load(bias + ((<usize>p) << 5));
    const b1 = v128.load(bias + ((<usize>p) << 5), 16);
    let s00 = b0,
      s01 = b1,
      s10 = b0,
      s11 = b1,
      s20 = b0,
      s21 = b1,
      s30 = b0,
      s31 = b1;
    let w = panels + ((<usize>(p * dim)) << 5);
    let x0 = x;
    let x1 = x + rowBytes;
    let x2 = x1 + rowBytes;
    let x3 = x2 + rowBytes;
    const end = x + rowBytes;
    while (x0 < end) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      const a = v128.load32_splat(x0);
      s00 = f32x4.add(s00, f32x4.mul(a, w0));
      s01 = f32x4.add(s01, f32x4.mul(a, w1));
      const b = v128.load32_splat(x1);
      s10 = f32x4.add(s10, f32x4.mul(b, w0));
      s11 = f32x4.add(s11, f32x4.mul(b, w1));
      const c = v128.load32_splat(x2);
      s20 = f32x4.add(s20, f32x4.mul(c, w0));
      s21 = f32x4.add(s21, f32x4.mul(c, w1));
      const d = v128.load32_splat(x3);
      s30 = f32x4.add(s30, f32x4.mul(d, w0));
      s31 = f32x4.add(s31, f32x4.mul(d, w1));
      w += 32;
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
    }
    let out = scores + ((<usize>p) << 5);
    v128.store(out, s00);
    v128.store(out, s01, 16);
    out += scoreRow;
    v128.store(out, s10);
    v128.store(out, s11, 16);
    out += scoreRow;
    v128.store(out, s20);
    v128.store(out, s21, 16);
    out += scoreRow;
    v128.store(out, s30);
    v128.store(out, s31, 16);
  }
}

/** Largest and second largest of `k` scores; on a tie the lower index is the better one. */
export function topTwo(scores: usize, k: i32, best: usize, bestScore: usize, second: usize, secondScore: usize): void {
  let i1 = -1;
  let i2 = -1;
  let s1: f32 = -Infinity;
  let s2: f32 = -Infinity;
  for (let c = 0; c < k; c++) {
    const s = load<f32>(scores + ((<usize>c) << 2));
    if (i2 >= 0 && !(s > s2)) continue;
    if (i1 < 0 || s > s1) {
      i2 = i1;
      s2 = s1;
      i1 = c;
      s1 = s;
    } else {
      i2 = c;
      s2 = s;
    }
  }
  store<i32>(best, i1);
  store<f32>(bestScore, s1);
  store<i32>(second, i2);
  store<f32>(secondScore, s2);
}

/**
 * The two nearest of `k` centroids for `m` points (`m` padded to a multiple of 4 by the caller).
 *
 * @param scores - scratch, 4 * 8 * ceil(K / 8) floats
 * @param out - [4, m] : best (i32), bestScore (f32), second (i32), secondScore (f32)
 */
export function nearestTwo(
  points: usize,
  m: i32,
  panels: usize,
  bias: usize,
  k: i32,
  dim: i32,
  scores: usize,
  out: usize,
): void {
  const count = (k + 7) >> 3;
  const plane = (<usize>m) << 2;
  const scoreRow = <usize>(count << 5);
  for (let i = 0; i < m; i += 4) {
    scoreTile(points + ((<usize>i * dim) << 2), panels, bias, scores, count, dim);
    for (let r = 0; r < 4; r++) {
      const at = out + ((<usize>(i + r)) << 2);
      topTwo(scores + scoreRow * r, k, at, at + plane, at + 2 * plane, at + 3 * plane);
    }
  }
}

/**
 * `nearest[i] = min(nearest[i], |x_i - c|^2)` for `n` points; the inner loop of k-means++.
 */
export function lowerSquaredDistances(points: usize, n: i32, dim: i32, center: usize, nearest: usize): void {
  const wide = dim & ~3;
  let x = points;
  for (let i = 0; i < n; i++) {
    let sum = f32x4.splat(0);
    let j = 0;
    for (; j < wide; j += 4) {
      const d = f32x4.sub(v128.load(x + ((<usize>j) << 2)), v128.load(center + ((<usize>j) << 2)));
      sum = f32x4.add(sum, f32x4.mul(d, d));
    }
    let total =
      f32x4.extract_lane(sum, 0) +
      f32x4.extract_lane(sum, 1) +
      (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
    for (; j < dim; j++) {
      const d = load<f32>(x + ((<usize>j) << 2)) - load<f32>(center + ((<usize>j) << 2));
      total += d * d;
    }
    const at = nearest + ((<usize>i) << 2);
    if (total < load<f32>(at)) store<f32>(at, total);
    x += (<usize>dim) << 2;
  }
}

/**
 * How near a point is to a centroid, in float64: minus the squared distance, or the inner product. Sums in a fixed order,
 * so that equal rows give equal numbers.
 */
export function nearness(x: usize, c: usize, dim: i32, inner: i32): f64 {
  const wide = dim & ~7;
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s3 = f64x2.splat(0);
  let j = 0;
  if (inner != 0) {
    for (; j < wide; j += 8) {
      s0 = f64x2.add(s0, f64x2.mul(wideAt(x), wideAt(c)));
      s1 = f64x2.add(s1, f64x2.mul(wideAt(x + 8), wideAt(c + 8)));
      s2 = f64x2.add(s2, f64x2.mul(wideAt(x + 16), wideAt(c + 16)));
      s3 = f64x2.add(s3, f64x2.mul(wideAt(x + 24), wideAt(c + 24)));
      x += 32;
      c += 32;
    }
  } else {
    for (; j < wide; j += 8) {
      const d0 = f64x2.sub(wideAt(x), wideAt(c));
      const d1 = f64x2.sub(wideAt(x + 8), wideAt(c + 8));
      const d2 = f64x2.sub(wideAt(x + 16), wideAt(c + 16));
      const d3 = f64x2.sub(wideAt(x + 24), wideAt(c + 24));
      s0 = f64x2.add(s0, f64x2.mul(d0, d0));
      s1 = f64x2.add(s1, f64x2.mul(d1, d1));
      s2 = f64x2.add(s2, f64x2.mul(d2, d2));
      s3 = f64x2.add(s3, f64x2.mul(d3, d3));
      x += 32;
      c += 32;
    }
  }
  const all = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let sum = f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1);
  for (; j < dim; j++) {
    const a = <f64>load<f32>(x);
    const b = <f64>load<f32>(c);
    sum += inner != 0 ? a * b : (a - b) * (a - b);
    x += 4;
    c += 4;
  }
  return inner != 0 ? sum : -sum;
}

/** Two float32 numbers as float64. */
function wideAt(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}
