// Graph kernels of the normalized cut: unit rows, edges above a threshold as bits, product of the bits with a vector.
//
// The graph is symmetric, n x n bits, in panels: panel g holds, for every row i, the 64 columns [64 g, 64 g + 64) as one
// little-endian 64-bit word at `bits + (g * rows + i) * 8`, so every kernel reads it front to back.

/** First free byte of the memory; everything above belongs to the caller. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * Rows divided by their norm as F.normalize does it (float32, norm at least 1e-12), and unless `rows16` is 0 the same rows
 * in 16-bit fixed point (32767 = 1). Rows are padded to `stride` values, a multiple of 4 (8 with `rows16`); in `source` they
 * are not, and up to 12 bytes past the last are read.
 * Returns the largest norm of a row's rounding error.
 */
export function normalizeRows(source: usize, n: i32, dim: i32, stride: i32, rows32: usize, rows16: usize): f64 {
  let worst: f64 = 0;
  const fixed = f64x2.splat(32767);
  for (let i = 0; i < n; i++) {
    const from = source + ((<usize>i * dim) << 2);
    const to32 = rows32 + ((<usize>i * stride) << 2);
    const to16 = rows16 + ((<usize>i * stride) << 1);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    for (let k = 0; k < stride; k += 4) {
      const v = firstLanes(v128.load(from + ((<usize>k) << 2)), dim - k);
      const low = f64x2.promote_low_f32x4(v);
      const high = f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0));
      s0 = f64x2.add(s0, f64x2.mul(low, low));
      s1 = f64x2.add(s1, f64x2.mul(high, high));
    }
    s0 = f64x2.add(s0, s1);
    const norm = f32x4.splat(max<f32>(<f32>sqrt(f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1)), 1e-12));
    let error = f64x2.splat(0);
    for (let k = 0; k < stride; k += 4) {
      const v = f32x4.div(firstLanes(v128.load(from + ((<usize>k) << 2)), dim - k), norm);
      v128.store(to32 + ((<usize>k) << 2), v);
      if (rows16 === 0) continue;
      const low = f64x2.mul(f64x2.promote_low_f32x4(v), fixed);
      const high = f64x2.mul(f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0)), fixed);
      const lowest = f64x2.nearest(low);
      const highest = f64x2.nearest(high);
      const q = i64x2.shuffle(i32x4.trunc_sat_f64x2_s_zero(lowest), i32x4.trunc_sat_f64x2_s_zero(highest), 0, 2);
      store<i64>(to16 + ((<usize>k) << 1), i64x2.extract_lane(i16x8.narrow_i32x4_s(q, q), 0));
      const e0 = f64x2.sub(low, lowest);
      const e1 = f64x2.sub(high, highest);
      error = f64x2.add(error, f64x2.add(f64x2.mul(e0, e0), f64x2.mul(e1, e1)));
    }
    worst = max<f64>(worst, f64x2.extract_lane(error, 0) + f64x2.extract_lane(error, 1));
  }
  return sqrt(worst) / 32767.0;
}

/** The first `count` lanes, zeros in the others. */
function firstLanes(v: v128, count: i32): v128 {
  if (count >= 4) return v;
  return v128.and(v, i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3)));
}

function sumLanes(v: v128): i32 {
  const a = i32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1);
}

function sumLanesF(v: v128): f32 {
  const a = f32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1);
}

function exactDot(a: usize, b: usize, stride: i32): f64 {
  let sum: f64 = 0;
  for (let k = 0; k < stride; k++) {
    sum += <f64>load<f32>(a + ((<usize>k) << 2)) * <f64>load<f32>(b + ((<usize>k) << 2));
  }
  return sum;
}

// Rechecked pairs of the last call, so that a test can see that the fixed-point bound is not idle.
let recheckedPairs: i32 = 0;
export function rechecked(): i32 {
  return recheckedPairs;
}

let gLow: i32 = 0;
let gHigh: i32 = 0;
let gTau: f64 = 0;
let gRows32: usize = 0;
let gStride: i32 = 0;

function edge(dot: i32, i: i32, j: i32): i32 {
  if (dot > gHigh) return 1;
  if (dot < gLow) return 0;
  return recheck(i, j);
}

function recheck(i: i32, j: i32): i32 {
  recheckedPairs++;
  const a = gRows32 + ((<usize>i * gStride) << 2);
  const b = gRows32 + ((<usize>j * gStride) << 2);
  return <i32>(<f32>exactDot(a, b, gStride) > <f32>gTau);
}

/**
 * Edges where the dot product of two unit rows exceeds `tau`. The fixed-point product decides; pairs nearer to `tau`
 * than `bound`, which limits its error, are decided again on the float32 rows. `rows` is n padded to a multiple of 64.
 */
export function edges(
  rows16: usize,
  rows32: usize,
  n: i32,
  rows: i32,
  stride: i32,
  tau: f64,
  bound: f64,
  bits: usize,
): void {
  const unit: f64 = 32767.0 * 32767.0;
  gTau = tau;
  gRows32 = rows32;
  gStride = stride;
  recheckedPairs = 0;
  gHigh = <i32>max<f64>(-2147483648.0, min<f64>(2147483647.0, ceil((tau + bound) * unit)));
  gLow = <i32>max<f64>(-2147483648.0, min<f64>(2147483647.0, floor((tau - bound) * unit)));
  const step = (<usize>stride) << 1;
  // 32 columns (24 kB at D = 384) stay in the first-level cache while the rows stream past.
  for (let block = 0; block < rows; block += 32) {
    const lastRow = min<i32>(block + 32, rows);
    for (let i = 0; i < lastRow; i += 2) {
      const a0 = rows16 + <usize>i * step;
      const a1 = a0 + step;
      for (let j8 = block; j8 < block + 32; j8 += 8) {
        let byte0 = 0;
        let byte1 = 0;
        for (let half = 0; half < 8; half += 4) {
          const j = j8 + half;
          const b0 = rows16 + <usize>j * step;
          const b1 = b0 + step;
          const b2 = b1 + step;
          const b3 = b2 + step;
          let s00 = i32x4.splat(0);
          let s01 = i32x4.splat(0);
          let s02 = i32x4.splat(0);
          let s03 = i32x4.splat(0);
          let s10 = i32x4.splat(0);
          let s11 = i32x4.splat(0);
          let s12 = i32x4.splat(0);
          let s13 = i32x4.splat(0);
          for (let k: usize = 0; k < step; k += 16) {
            const x0 = v128.load(a0 + k);
            const x1 = v128.load(a1 + k);
            let y = v128.load(b0 + k);
            s00 = i32x4.add(s00, i32x4.dot_i16x8_s(x0, y));
            s10 = i32x4.add(s10, i32x4.dot_i16x8_s(x1, y));
            y = v128.load(b1 + k);
            s01 = i32x4.add(s01, i32x4.dot_i16x8_s(x0, y));
            s11 = i32x4.add(s11, i32x4.dot_i16x8_s(x1, y));
            y = v128.load(b2 + k);
            s02 = i32x4.add(s02, i32x4.dot_i16x8_s(x0, y));
            s12 = i32x4.add(s12, i32x4.dot_i16x8_s(x1, y));
            y = v128.load(b3 + k);
            s03 = i32x4.add(s03, i32x4.dot_i16x8_s(x0, y));
            s13 = i32x4.add(s13, i32x4.dot_i16x8_s(x1, y));
          }
          const nibble0 =
            edge(sumLanes(s00), i, j) |
            (edge(sumLanes(s01), i, j + 1) << 1) |
            (edge(sumLanes(s02), i, j + 2) << 2) |
            (edge(sumLanes(s03), i, j + 3) << 3);
          const nibble1 =
            edge(sumLanes(s10), i + 1, j) |
            (edge(sumLanes(s11), i + 1, j + 1) << 1) |
            (edge(sumLanes(s12), i + 1, j + 2) << 2) |
            (edge(sumLanes(s13), i + 1, j + 3) << 3);
          byte0 |= nibble0 << half;
          byte1 |= nibble1 << half;
        }
        const at = bits + ((<usize>(j8 >> 6) * rows + i) << 3) + ((j8 >> 3) & 7);
        store<u8>(at, <u8>byte0);
        store<u8>(at + 8, <u8>byte1);
      }
    }
  }
  mirror(bits, rows);
  trim(bits, n, rows);
}

/** Copies the upper triangle onto the lower one, 8 x 8 bits at a time. */
export function mirror(bits: usize, rows: i32): void {
  const blocks = rows >> 3;
  for (let c = 0; c < blocks; c++) {
    for (let r = c; r < blocks; r++) {
      // Source: rows of block c, columns of block r; a byte of each of 8 consecutive words.
      const from = bits + ((<usize>(r >> 3) * rows + (c << 3)) << 3) + (r & 7);
      let m: u64 = 0;
      for (let k = 0; k < 8; k++) m |= (<u64>load<u8>(from + ((<usize>k) << 3))) << ((<u64>k) << 3);
      if (r === c) {
        // Inside a diagonal block both halves were computed; the upper one is kept so that the graph is symmetric.
        const upper: u64 = m & 0x80c0e0f0f8fcfeff;
        const lower = transpose8(upper);
        m = upper | lower;
        for (let k = 0; k < 8; k++) store<u8>(from + ((<usize>k) << 3), <u8>(m >> ((<u64>k) << 3)));
        continue;
      }
      m = transpose8(m);
      const to = bits + ((<usize>(c >> 3) * rows + (r << 3)) << 3) + (c & 7);
      for (let k = 0; k < 8; k++) store<u8>(to + ((<usize>k) << 3), <u8>(m >> ((<u64>k) << 3)));
    }
  }
}

function transpose8(x: u64): u64 {
  let t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
  x = x ^ t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
  x = x ^ t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
  return x ^ t ^ (t << 28);
}

/** Clears rows and columns from n on, which stand for no patch. */
function trim(bits: usize, n: i32, rows: i32): void {
  const panels = rows >> 6;
  for (let g = 0; g < panels; g++) {
    const first = g << 6;
    const used = max<i32>(0, min<i32>(64, n - first));
    const keep: u64 = used === 64 ? ~(<u64>0) : ((<u64>1) << (<u64>used)) - 1;
    for (let i = 0; i < rows; i++) {
      const at = bits + ((<usize>g * rows + i) << 3);
      store<u64>(at, i < n ? load<u64>(at) & keep : 0);
    }
  }
}

/** Packs rows of the n x n float32 similarities into bits, 1 where they exceed `tau`. */
export function packAbove(gram: usize, n: i32, firstRow: i32, countRows: i32, rows: i32, tau: f32, bits: usize): void {
  for (let r = 0; r < countRows; r++) {
    const from = gram + ((<usize>r * n) << 2);
    for (let j0 = 0; j0 < n; j0 += 64) {
      const last = min<i32>(64, n - j0);
      let word: u64 = 0;
      for (let k = 0; k < last; k++) {
        word |= (<u64>(<i32>(load<f32>(from + ((<usize>(j0 + k)) << 2)) > tau))) << (<u64>k);
      }
      store<u64>(bits + ((<usize>(j0 >> 6) * rows + firstRow + r) << 3), word);
    }
  }
}

/** Packs rows of n bytes, not 0 where there is an edge, into bits. Reads up to 15 bytes past the last row. */
export function packBytes(edges: usize, n: i32, firstRow: i32, countRows: i32, rows: i32, bits: usize): void {
  const zero = i8x16.splat(0);
  for (let r = 0; r < countRows; r++) {
    const from = edges + <usize>r * n;
    for (let j = 0; j < n; j += 16) {
      let mask = i8x16.bitmask(i8x16.ne(v128.load(from + j), zero));
      if (n - j < 16) mask &= (1 << (n - j)) - 1;
      store<u16>(bits + ((<usize>(j >> 6) * rows + firstRow + r) << 3) + ((j >> 3) & 7), <u16>mask);
    }
  }
}

/** Dot products of unit rows [firstRow, firstRow + countRows) with all n rows, as float32 [countRows, n]. */
export function similarities(rows32: usize, n: i32, stride: i32, firstRow: i32, countRows: i32, out: usize): void {
  const step = (<usize>stride) << 2;
  for (let r = 0; r < countRows; r++) {
    const a = rows32 + <usize>(firstRow + r) * step;
    for (let j = 0; j < n; j++) {
      const b = rows32 + <usize>j * step;
      let s = f32x4.splat(0);
      let t = f32x4.splat(0);
      for (let k: usize = 0; k < step; k += 32) {
        s = f32x4.add(s, f32x4.mul(v128.load(a + k), v128.load(b + k)));
        t = f32x4.add(t, f32x4.mul(v128.load(a + k, 16), v128.load(b + k, 16)));
      }
      store<f32>(out + ((<usize>r * n + j) << 2), sumLanesF(f32x4.add(s, t)));
    }
  }
}

/** Number of edges from each row to the rows set in `free` (one bit a row). */
export function countEdges(bits: usize, n: i32, rows: i32, free: usize, counts: usize): void {
  memory.fill(counts, 0, (<usize>n) << 2);
  const panels = rows >> 6;
  for (let g = 0; g < panels; g++) {
    const keep = load<u64>(free + ((<usize>g) << 3));
    const panel = bits + ((<usize>g * rows) << 3);
    for (let i = 0; i < n; i++) {
      const at = counts + ((<usize>i) << 2);
      store<i32>(at, load<i32>(at) + <i32>popcnt<u64>(load<u64>(panel + ((<usize>i) << 3)) & keep));
    }
  }
}

/**
 * y = B x for the bit matrix B in float64: for every 8 columns a table of the 256 possible sums, then one look-up for
 * each byte of the matrix. `x` has `rows` entries, zero from n on; `tables` is 16 kB of scratch.
 */
export function multiply(bits: usize, n: i32, rows: i32, x: usize, y: usize, tables: usize): void {
  memory.fill(y, 0, (<usize>n) << 3);
  const panels = rows >> 6;
  for (let g = 0; g < panels; g++) {
    for (let b = 0; b < 8; b++) {
      const table = tables + ((<usize>b) << 11);
      const from = x + ((<usize>((g << 6) + (b << 3))) << 3);
      store<f64>(table, 0);
      for (let k = 0; k < 8; k++) {
        const v = load<f64>(from + ((<usize>k) << 3));
        const size = (<usize>1) << k;
        for (let e: usize = 0; e < size; e++) {
          store<f64>(table + ((size + e) << 3), load<f64>(table + (e << 3)) + v);
        }
      }
    }
    const panel = bits + ((<usize>g * rows) << 3);
    for (let i = 0; i < n; i++) {
      const w = load<u64>(panel + ((<usize>i) << 3));
      const lo = <u32>w;
      const hi = <u32>(w >> 32);
      const at = y + ((<usize>i) << 3);
      const s0 = load<f64>(tables + ((lo & 255) << 3)) + load<f64>(tables + (((lo >> 8) & 255) << 3), 2048);
      const s1 = load<f64>(tables + (((lo >> 16) & 255) << 3), 4096) + load<f64>(tables + ((lo >> 24) << 3), 6144);
      const s2 = load<f64>(tables + ((hi & 255) << 3), 8192) + load<f64>(tables + (((hi >> 8) & 255) << 3), 10240);
      const s3 = load<f64>(tables + (((hi >> 16) & 255) << 3), 12288) + load<f64>(tables + ((hi >> 24) << 3), 14336);
      store<f64>(at, load<f64>(at) + (s0 + s1 + (s2 + s3)));
    }
  }
}
