// asc: library
// Filtering on a lattice: values live on its points as rows of one float32, or of 4 * lanes; row 0 is always zero.

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

/**
 * Blurs along one axis in place: each value plus half of what its two neighbours had. Of the axis' pairs and chains (see
 * `chainAxis`) the share of `part` among `parts` (1 or 2).
 */
export function blurAxis(header: usize, lanes: i32, part: i32, parts: i32, values: usize): void {
  const pairs = <usize>load<i32>(header);
  const count = load<i32>(header, 4);
  const half = parts === 1 ? (part === 0 ? count : 0) : count >> 1;
  const from = pairs + ((<usize>(part === 0 ? 0 : half)) << 3);
  const to = pairs + ((<usize>(part === 0 ? half : count)) << 3);
  const start = <usize>load<i32>(header + (part === 0 ? 8 : 12));
  const end = <usize>load<i32>(header + (parts === 1 || part === 1 ? 16 : 12));
  if (lanes === 0) {
    blurPairs1(from, to, values);
    blurChains1(start, end, values);
  } else if (lanes === 4) {
    blurPairs16(from, to, values);
    blurChains4(lanes, start, end, values);
  } else {
    blurPairs4(lanes, from, to, values);
    blurChains4(lanes, start, end, values);
  }
}

function blurPairs1(from: usize, to: usize, values: usize): void {
  for (let at = from; at < to; at += 8) {
    const p = values + ((<usize>load<i32>(at)) << 2);
    const r = values + ((<usize>load<i32>(at, 4)) << 2);
    const a = load<f32>(p);
    const b = load<f32>(r);
    store<f32>(p, a + <f32>0.5 * b);
    store<f32>(r, b + <f32>0.5 * a);
  }
}

function blurChains1(start: usize, end: usize, values: usize): void {
  let at = start;
  while (at < end) {
    at += 4;
    let p = values + ((<usize>load<i32>(at)) << 2);
    let before: f32 = 0;
    let v = load<f32>(p);
    while (true) {
      at += 4;
      const row = load<i32>(at);
      const r = values + ((<usize>row) << 2);
      const after = load<f32>(r);
      store<f32>(p, v + <f32>0.5 * (before + after));
      if (row === 0) break;
      before = v;
      v = after;
      p = r;
    }
  }
}

function blurPairs4(lanes: i32, from: usize, to: usize, values: usize): void {
  const width = (<usize>lanes) << 4;
  const half = f32x4.splat(0.5);
  for (let at = from; at < to; at += 8) {
    const p = values + <usize>load<i32>(at) * width;
    const r = values + <usize>load<i32>(at, 4) * width;
    for (let l: usize = 0; l < width; l += 16) {
      const a = v128.load(p + l);
      const b = v128.load(r + l);
      v128.store(p + l, f32x4.add(a, f32x4.mul(half, b)));
      v128.store(r + l, f32x4.add(b, f32x4.mul(half, a)));
    }
  }
}

function blurPairs16(from: usize, to: usize, values: usize): void {
  const half = f32x4.splat(0.5);
  for (let at = from; at < to; at += 8) {
    const p = values + ((<usize>load<i32>(at)) << 6);
    const r = values + ((<usize>load<i32>(at, 4)) << 6);
    const a0 = v128.load(p);
    const a1 = v128.load(p, 16);
    const a2 = v128.load(p, 32);
    const a3 = v128.load(p, 48);
    const b0 = v128.load(r);
    const b1 = v128.load(r, 16);
    const b2 = v128.load(r, 32);
    const b3 = v128.load(r, 48);
    v128.store(p, f32x4.add(a0, f32x4.mul(half, b0)));
    v128.store(p, f32x4.add(a1, f32x4.mul(half, b1)), 16);
    v128.store(p, f32x4.add(a2, f32x4.mul(half, b2)), 32);
    v128.store(p, f32x4.add(a3, f32x4.mul(half, b3)), 48);
    v128.store(r, f32x4.add(b0, f32x4.mul(half, a0)));
    v128.store(r, f32x4.add(b1, f32x4.mul(half, a1)), 16);
    v128.store(r, f32x4.add(b2, f32x4.mul(half, a2)), 32);
    v128.store(r, f32x4.add(b3, f32x4.mul(half, a3)), 48);
  }
}

function blurChains4(lanes: i32, start: usize, end: usize, values: usize): void {
  const width = (<usize>lanes) << 4;
  const half = f32x4.splat(0.5);
  let at = start;
  while (at < end) {
    at += 4;
    let p = values + <usize>load<i32>(at) * width;
    let b0 = f32x4.splat(0);
    let b1 = b0;
    let b2 = b0;
    let b3 = b0;
    let v0 = v128.load(p);
    let v1 = lanes > 1 ? v128.load(p, 16) : b0;
    let v2 = lanes > 2 ? v128.load(p, 32) : b0;
    let v3 = lanes > 3 ? v128.load(p, 48) : b0;
    while (true) {
      at += 4;
      const row = <usize>load<i32>(at);
      const r = values + row * width;
      let a = v128.load(r);
      v128.store(p, f32x4.add(v0, f32x4.mul(half, f32x4.add(b0, a))));
      b0 = v0;
      v0 = a;
      if (lanes > 1) {
        a = v128.load(r, 16);
        v128.store(p, f32x4.add(v1, f32x4.mul(half, f32x4.add(b1, a))), 16);
        b1 = v1;
        v1 = a;
      }
      if (lanes > 2) {
        a = v128.load(r, 32);
        v128.store(p, f32x4.add(v2, f32x4.mul(half, f32x4.add(b2, a))), 32);
        b2 = v2;
        v2 = a;
      }
      if (lanes > 3) {
        a = v128.load(r, 48);
        v128.store(p, f32x4.add(v3, f32x4.mul(half, f32x4.add(b3, a))), 48);
        b3 = v3;
        v3 = a;
      }
      if (row === 0) break;
      p = r;
    }
  }
}
