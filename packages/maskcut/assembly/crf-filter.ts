// asc: library
// Filtering on a lattice: values live on its points as rows of one float32, or of 4. The rows that a tile needs (see
// `crf-lattice.ts`) are gathered before a slice and scattered after a splat, so that its pixels work in the cache.

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

/** {@link gather1} for rows of 4 values. */
export function gather4(map: usize, count: i32, values: usize, own: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    v128.store(own + (i << 4), v128.load(values + ((<usize>load<i32>(map + (i << 2))) << 4)));
  }
}

/** {@link scatter1} for rows of 4 values. */
export function scatter4(map: usize, count: i32, values: usize, own: usize): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>count; i++) {
    const p = values + ((<usize>load<i32>(map + (i << 2))) << 4);
    v128.store(p, f32x4.add(v128.load(p), v128.load(own + (i << 4))));
    v128.store(own + (i << 4), zero);
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

/** {@link splat1} for rows of 4 values. */
export function splat4(d1: i32, count: i32, locals: usize, weights: usize, scale: usize, q: usize, own: usize): void {
  for (let k: usize = 0; k < <usize>count; k++) {
    const v = f32x4.mul(v128.load(q + (k << 4)), v128.load32_splat(scale + (k << 2)));
    const p0 = own + ((<usize>load<u16>(locals)) << 4);
    const p1 = own + ((<usize>load<u16>(locals, 2)) << 4);
    const p2 = own + ((<usize>load<u16>(locals, 4)) << 4);
    v128.store(p0, f32x4.add(v128.load(p0), f32x4.mul(v128.load32_splat(weights), v)));
    v128.store(p1, f32x4.add(v128.load(p1), f32x4.mul(v128.load32_splat(weights, 4), v)));
    v128.store(p2, f32x4.add(v128.load(p2), f32x4.mul(v128.load32_splat(weights, 8), v)));
    if (d1 === 6) {
      const p3 = own + ((<usize>load<u16>(locals, 6)) << 4);
      const p4 = own + ((<usize>load<u16>(locals, 8)) << 4);
      const p5 = own + ((<usize>load<u16>(locals, 10)) << 4);
      v128.store(p3, f32x4.add(v128.load(p3), f32x4.mul(v128.load32_splat(weights, 12), v)));
      v128.store(p4, f32x4.add(v128.load(p4), f32x4.mul(v128.load32_splat(weights, 16), v)));
      v128.store(p5, f32x4.add(v128.load(p5), f32x4.mul(v128.load32_splat(weights, 20), v)));
    }
    locals += (<usize>d1) << 1;
    weights += (<usize>d1) << 2;
  }
}

/** {@link slice1} for rows of 4 values; no base if its address is 0. */
export function slice4(
  d1: i32,
  count: i32,
  locals: usize,
  weights: usize,
  scale: usize,
  own: usize,
  base: usize,
  out: usize,
): void {
  for (let k: usize = 0; k < <usize>count; k++) {
    let s = f32x4.mul(v128.load32_splat(weights), v128.load(own + ((<usize>load<u16>(locals)) << 4)));
    s = f32x4.add(s, f32x4.mul(v128.load32_splat(weights, 4), v128.load(own + ((<usize>load<u16>(locals, 2)) << 4))));
    s = f32x4.add(s, f32x4.mul(v128.load32_splat(weights, 8), v128.load(own + ((<usize>load<u16>(locals, 4)) << 4))));
    if (d1 === 6) {
      let t = f32x4.mul(v128.load32_splat(weights, 12), v128.load(own + ((<usize>load<u16>(locals, 6)) << 4)));
      t = f32x4.add(
        t,
        f32x4.mul(v128.load32_splat(weights, 16), v128.load(own + ((<usize>load<u16>(locals, 8)) << 4))),
      );
      t = f32x4.add(
        t,
        f32x4.mul(v128.load32_splat(weights, 20), v128.load(own + ((<usize>load<u16>(locals, 10)) << 4))),
      );
      s = f32x4.add(s, t);
    }
    const scaled = f32x4.mul(v128.load32_splat(scale + (k << 2)), s);
    v128.store(out + (k << 4), base === 0 ? scaled : f32x4.add(v128.load(base + (k << 4)), scaled));
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
 * @param permutations - see `permutationBytes` in `src/crf/crf-kernels.ts`
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
 * Blurs rows [from, to) of 4 values along an axis: out = each value plus half of its two neighbours', which `pairs` names
 * (see `pairsOfFlags`). `out` may lie in `values`, so far below that no row is overwritten that is still a neighbour.
 */
export function blur4(pairs: usize, from: i32, to: i32, values: usize, out: usize): void {
  const half = f32x4.splat(0.5);
  for (let i: usize = <usize>from; i < <usize>to; i++) {
    const p = values + ((<usize>load<i32>(pairs + (i << 3))) << 4);
    const r = values + ((<usize>load<i32>(pairs + (i << 3), 4)) << 4);
    const sum = f32x4.add(v128.load(p), v128.load(r));
    v128.store(out + (i << 4), f32x4.add(v128.load(values + (i << 4)), f32x4.mul(half, sum)));
  }
}
