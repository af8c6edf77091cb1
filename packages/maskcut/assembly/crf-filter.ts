// asc: library
// Filtering on a lattice: values live on its points as rows of one float32, or of 4 * lanes; row 0 is always zero.
//
// Where there is one value a row, those of a tile (see `crf-lattice.ts`) are gathered first, for they fit in the cache;
// longer rows are used where they are.

/** own[i] = values[map[i]] for the `count` points of a tile, one value a row. */
export function gather1(map: usize, count: i32, values: usize, own: usize): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 4) {
    store<f32>(own + at, load<f32>(values + ((<usize>load<i32>(map + at)) << 2)));
  }
}

/** values[map[i]] += own[i] for the `count` points of a tile, one value a row; own becomes zero. */
export function scatter1(map: usize, count: i32, values: usize, own: usize): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 4) {
    const p = values + ((<usize>load<i32>(map + at)) << 2);
    store<f32>(p, load<f32>(p) + load<f32>(own + at));
    store<f32>(own + at, 0);
  }
}

/** Adds `count` pixels to their tile: own[local] += weight * scale[pixel] * q[pixel], one value a row. */
export function splat1(d1: i32, count: i32, locals: usize, weights: usize, scale: usize, q: usize, own: usize): void {
  for (let k: usize = 0; k < (<usize>count) << 2; k += 4) {
    const v = load<f32>(q + k) * load<f32>(scale + k);
    const p0 = own + ((<usize>load<u16>(locals)) << 2);
    const p1 = own + ((<usize>load<u16>(locals, 2)) << 2);
    const p2 = own + ((<usize>load<u16>(locals, 4)) << 2);
    store<f32>(p0, load<f32>(p0) + load<f32>(weights) * v);
    store<f32>(p1, load<f32>(p1) + load<f32>(weights, 4) * v);
    store<f32>(p2, load<f32>(p2) + load<f32>(weights, 8) * v);
    if (d1 === 6) {
      const p3 = own + ((<usize>load<u16>(locals, 6)) << 2);
      const p4 = own + ((<usize>load<u16>(locals, 8)) << 2);
      const p5 = own + ((<usize>load<u16>(locals, 10)) << 2);
      store<f32>(p3, load<f32>(p3) + load<f32>(weights, 12) * v);
      store<f32>(p4, load<f32>(p4) + load<f32>(weights, 16) * v);
      store<f32>(p5, load<f32>(p5) + load<f32>(weights, 20) * v);
    }
    locals += (<usize>d1) << 1;
    weights += (<usize>d1) << 2;
  }
}

/** Reads `count` pixels from their tile: out = base + scale[pixel] * sum of weight * own[local]. */
export function slice1(
  d1: i32,
  count: i32,
  locals: usize,
  weights: usize,
  scale: usize,
  own: usize,
  base: usize,
  out: usize,
): void {
  for (let k: usize = 0; k < (<usize>count) << 2; k += 4) {
    let s =
      load<f32>(weights) * load<f32>(own + ((<usize>load<u16>(locals)) << 2)) +
      load<f32>(weights, 4) * load<f32>(own + ((<usize>load<u16>(locals, 2)) << 2)) +
      load<f32>(weights, 8) * load<f32>(own + ((<usize>load<u16>(locals, 4)) << 2));
    if (d1 === 6) {
      s +=
        load<f32>(weights, 12) * load<f32>(own + ((<usize>load<u16>(locals, 6)) << 2)) +
        load<f32>(weights, 16) * load<f32>(own + ((<usize>load<u16>(locals, 8)) << 2)) +
        load<f32>(weights, 20) * load<f32>(own + ((<usize>load<u16>(locals, 10)) << 2));
    }
    store<f32>(out + k, load<f32>(base + k) + load<f32>(scale + k) * s);
    locals += (<usize>d1) << 1;
    weights += (<usize>d1) << 2;
  }
}

/** Address of the row of a pixel's vertex. */
function rowAt(local: usize, map: usize, values: usize, width: usize): usize {
  return values + <usize>load<i32>(map + ((<usize>load<u16>(local)) << 2)) * width;
}

/** {@link splat1} for rows of 4 * lanes values, right into the lattice's; `map` is the tile's. */
export function splat4(
  d1: i32,
  lanes: i32,
  count: i32,
  locals: usize,
  weights: usize,
  map: usize,
  scale: usize,
  q: usize,
  values: usize,
): void {
  const width = (<usize>lanes) << 4;
  for (let k: usize = 0; k < <usize>count; k++) {
    const source = q + k * width;
    const s = load<f32>(scale + (k << 2));
    for (let j = 0; j < d1; j += 3) {
      const w0 = f32x4.splat(load<f32>(weights) * s);
      const w1 = f32x4.splat(load<f32>(weights, 4) * s);
      const w2 = f32x4.splat(load<f32>(weights, 8) * s);
      const p0 = rowAt(locals, map, values, width);
      const p1 = rowAt(locals + 2, map, values, width);
      const p2 = rowAt(locals + 4, map, values, width);
      for (let l: usize = 0; l < width; l += 16) {
        const v = v128.load(source + l);
        v128.store(p0 + l, f32x4.add(v128.load(p0 + l), f32x4.mul(w0, v)));
        v128.store(p1 + l, f32x4.add(v128.load(p1 + l), f32x4.mul(w1, v)));
        v128.store(p2 + l, f32x4.add(v128.load(p2 + l), f32x4.mul(w2, v)));
      }
      locals += 6;
      weights += 12;
    }
  }
}

/** {@link slice1} for rows of 4 * lanes values, likewise. */
export function slice4(
  d1: i32,
  lanes: i32,
  count: i32,
  locals: usize,
  weights: usize,
  map: usize,
  scale: usize,
  values: usize,
  base: usize,
  out: usize,
): void {
  const width = (<usize>lanes) << 4;
  for (let k: usize = 0; k < <usize>count; k++) {
    const s = load<f32>(scale + (k << 2));
    const i = base + k * width;
    const o = out + k * width;
    const w0 = f32x4.splat(load<f32>(weights) * s);
    const w1 = f32x4.splat(load<f32>(weights, 4) * s);
    const w2 = f32x4.splat(load<f32>(weights, 8) * s);
    const p0 = rowAt(locals, map, values, width);
    const p1 = rowAt(locals + 2, map, values, width);
    const p2 = rowAt(locals + 4, map, values, width);
    if (d1 === 6) {
      const w3 = f32x4.splat(load<f32>(weights, 12) * s);
      const w4 = f32x4.splat(load<f32>(weights, 16) * s);
      const w5 = f32x4.splat(load<f32>(weights, 20) * s);
      const p3 = rowAt(locals + 6, map, values, width);
      const p4 = rowAt(locals + 8, map, values, width);
      const p5 = rowAt(locals + 10, map, values, width);
      for (let l: usize = 0; l < width; l += 16) {
        let a = f32x4.add(v128.load(i + l), f32x4.mul(w0, v128.load(p0 + l)));
        let b = f32x4.mul(w1, v128.load(p1 + l));
        a = f32x4.add(a, f32x4.mul(w2, v128.load(p2 + l)));
        b = f32x4.add(b, f32x4.mul(w3, v128.load(p3 + l)));
        a = f32x4.add(a, f32x4.mul(w4, v128.load(p4 + l)));
        b = f32x4.add(b, f32x4.mul(w5, v128.load(p5 + l)));
        v128.store(o + l, f32x4.add(a, b));
      }
    } else {
      for (let l: usize = 0; l < width; l += 16) {
        let a = f32x4.add(v128.load(i + l), f32x4.mul(w0, v128.load(p0 + l)));
        a = f32x4.add(a, f32x4.mul(w1, v128.load(p1 + l)));
        v128.store(o + l, f32x4.add(a, f32x4.mul(w2, v128.load(p2 + l))));
      }
    }
    locals += (<usize>d1) << 1;
    weights += (<usize>d1) << 2;
  }
}

/**
 * One sweep over rows [from, to), multiples of 16, of one value each: ends the blur along one axis and begins the one along
 * the next. Every value gets half of its two neighbours'.
 *
 * Neighbours are not looked up: the values of the rows that have one after them are packed into a list, those that have
 * one before them into another, and in these lists neighbours have the same place (see `flagNeighbours`).
 *
 * @param ending - flags of the axis that ends, 0 for none; its lists from `afterIn` and `beforeIn`
 * @param beginning - flags of the axis that begins, 0 for none; its lists to `afterOut` and `beforeOut`, of which
 *   nothing is written from `afterEnd` and `beforeEnd` on
 * @param permutations - see `permutationBytes` in `src/crf-kernels.ts`
 */
export function blurSweep1(
  from: i32,
  to: i32,
  values: usize,
  ending: usize,
  afterIn: usize,
  beforeIn: usize,
  beginning: usize,
  afterOut: usize,
  beforeOut: usize,
  afterEnd: usize,
  beforeEnd: usize,
  permutations: usize,
): void {
  const half = f32x4.splat(0.5);
  const expand = permutations + 256;
  const counts = permutations + 512;
  for (let i: usize = (<usize>from) >> 2; i < (<usize>to) >> 2; i++) {
    let v = v128.load(values + (i << 4));
    if (ending !== 0) {
      const flags = <usize>load<u8>(ending + i);
      const after = flags & 15;
      const before = flags >> 4;
      // The value before a row is in the list of those that have one after them, and the other way round.
      const a = i8x16.swizzle(v128.load(afterIn), v128.load(expand + (before << 4)));
      const b = i8x16.swizzle(v128.load(beforeIn), v128.load(expand + (after << 4)));
      v = f32x4.add(v, f32x4.mul(half, f32x4.add(a, b)));
      v128.store(values + (i << 4), v);
      afterIn += <usize>load<u8>(counts + before);
      beforeIn += <usize>load<u8>(counts + after);
    }
    if (beginning !== 0) {
      const flags = <usize>load<u8>(beginning + i);
      const after = flags & 15;
      const before = flags >> 4;
      afterOut = packed(v, after, afterOut, afterEnd, permutations);
      beforeOut = packed(v, before, beforeOut, beforeEnd, permutations);
    }
  }
}

/** Appends the lanes of `v` that `lanes` names to a list; whole vectors only where they do not reach `end`. */
function packed(v: v128, lanes: usize, list: usize, end: usize, permutations: usize): usize {
  const dense = i8x16.swizzle(v, v128.load(permutations + (lanes << 4)));
  if (list + 16 <= end) {
    v128.store(list, dense);
    return list + <usize>load<u8>(permutations + 512 + lanes);
  }
  const stop = list + <usize>load<u8>(permutations + 512 + lanes);
  let rest = dense;
  for (let at = list; at < stop; at += 4) {
    store<f32>(at, f32x4.extract_lane(rest, 0));
    rest = i8x16.shuffle(rest, rest, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
  }
  return stop;
}

/**
 * Blurs rows [from, to) of 4 * lanes values along an axis: out = each value plus half of its two neighbours', which
 * `pairs` names (see `pairsOfFlags`).
 */
export function blurRows(pairs: usize, lanes: i32, from: i32, to: i32, values: usize, out: usize): void {
  if (lanes === 4) blur16(pairs, from, to, values, out);
  else blur4(pairs, lanes, from, to, values, out);
}

function blur4(pairs: usize, lanes: i32, from: i32, to: i32, values: usize, out: usize): void {
  const width = (<usize>lanes) << 4;
  const half = f32x4.splat(0.5);
  for (let i: usize = <usize>from; i < <usize>to; i++) {
    const p = values + <usize>load<i32>(pairs + (i << 3)) * width;
    const r = values + <usize>load<i32>(pairs + (i << 3), 4) * width;
    const v = values + i * width;
    const o = out + i * width;
    for (let l: usize = 0; l < width; l += 16) {
      const sum = f32x4.add(v128.load(p + l), v128.load(r + l));
      v128.store(o + l, f32x4.add(v128.load(v + l), f32x4.mul(half, sum)));
    }
  }
}

function blur16(pairs: usize, from: i32, to: i32, values: usize, out: usize): void {
  const half = f32x4.splat(0.5);
  for (let i: usize = <usize>from; i < <usize>to; i++) {
    const p = values + ((<usize>load<i32>(pairs + (i << 3))) << 6);
    const r = values + ((<usize>load<i32>(pairs + (i << 3), 4)) << 6);
    const v = values + (i << 6);
    const o = out + (i << 6);
    const s0 = f32x4.add(v128.load(p), v128.load(r));
    const s1 = f32x4.add(v128.load(p, 16), v128.load(r, 16));
    const s2 = f32x4.add(v128.load(p, 32), v128.load(r, 32));
    const s3 = f32x4.add(v128.load(p, 48), v128.load(r, 48));
    v128.store(o, f32x4.add(v128.load(v), f32x4.mul(half, s0)));
    v128.store(o, f32x4.add(v128.load(v, 16), f32x4.mul(half, s1)), 16);
    v128.store(o, f32x4.add(v128.load(v, 32), f32x4.mul(half, s2)), 32);
    v128.store(o, f32x4.add(v128.load(v, 48), f32x4.mul(half, s3)), 48);
  }
}
