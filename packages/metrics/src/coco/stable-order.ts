/** Stable orders over columns, without comparison callbacks: counting sort by a small key, radix sort by score. */

/** Row numbers 0 .. n-1, or `order` itself, stably sorted by `keys[row]`, a whole number in [0, numKeys). O(n + numKeys). */
export function orderByKey(keys: ArrayLike<number>, numKeys: number, order: Int32Array): Int32Array<ArrayBuffer> {
  const starts = new Int32Array(numKeys + 1);
  for (let i = 0; i < order.length; i += 1) starts[keys[order[i]!]! + 1]! += 1;
  for (let key = 0; key < numKeys; key += 1) starts[key + 1]! += starts[key]!;
  const out = new Int32Array(order.length);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i]!;
    const key = keys[row]!;
    out[starts[key]!] = row;
    starts[key]! += 1;
  }
  return out;
}

/** 0, 1, ..., n - 1. */
export function identityOrder(n: number): Int32Array<ArrayBuffer> {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i += 1) order[i] = i;
  return order;
}

const digitBits = 11;
const numBuckets = 1 << digitBits;
const numDigits = 3;

/**
 * Rows by falling score; equal scores keep their order (numpy's `argsort(-score, kind='mergesort')`).
 *
 * Radix sort on the upper half of the double (sign, exponent, 20 bits of mantissa) in three passes; the few neighbours that share
 * it are put right by insertion, or, if they are many, by a merge sort of the whole.
 */
export function orderByFallingScore(scores: Float64Array): Int32Array<ArrayBuffer> {
  const n = scores.length;
  const keys = upperHalves(scores);
  const counts = new Int32Array(numDigits * numBuckets);
  for (let i = 0; i < n; i += 1) {
    const key = keys[i]!;
    counts[key & (numBuckets - 1)]! += 1;
    counts[numBuckets + ((key >>> digitBits) & (numBuckets - 1))]! += 1;
    counts[2 * numBuckets + (key >>> (2 * digitBits))]! += 1;
  }
  let order = identityOrder(n);
  let next = new Int32Array(n);
  for (let d = 0; d < numDigits; d += 1) {
    const base = d * numBuckets;
    const shift = d * digitBits;
    for (let bucket = base, start = 0; bucket < base + numBuckets; bucket += 1) {
      const count = counts[bucket]!;
      counts[bucket] = start;
      start += count;
    }
    for (let i = 0; i < n; i += 1) {
      const row = order[i]!;
      const bucket = base + ((keys[row]! >>> shift) & (numBuckets - 1));
      next[counts[bucket]!] = row;
      counts[bucket]! += 1;
    }
    [order, next] = [next, order];
  }
  const allowance = 4 * n;
  for (let i = 1, moves = 0; i < n; i += 1) {
    const row = order[i]!;
    const value = scores[row]!;
    let j = i - 1;
    while (j >= 0 && scores[order[j]!]! < value) {
      order[j + 1] = order[j]!;
      j -= 1;
    }
    order[j + 1] = row;
    moves += i - 1 - j;
    if (moves > allowance) {
      sortStretchByFallingScore(order, 0, n, scores, next);
      break;
    }
  }
  return order;
}

/** Upper 32 bits of each score, turned so that a higher score has a smaller key. */
function upperHalves(scores: Float64Array): Uint32Array {
  const n = scores.length;
  const words = new Uint32Array(scores.buffer, scores.byteOffset, 2 * n);
  const keys = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) {
    const high = words[2 * i + 1]!;
    // a set sign bit: falling magnitudes are rising scores already; -0 is 0
    keys[i] = high >>> 31 === 0 ? ~high & 0x7fffffff : scores[i] === 0 ? 0x7fffffff : high;
  }
  return keys;
}

/** Sorts `order[from .. to)` by falling score, stably: insertion for short stretches, merging for long ones. */
export function sortStretchByFallingScore(
  order: Int32Array,
  from: number,
  to: number,
  score: Float64Array,
  scratch: Int32Array,
): void {
  if (to - from > 24) {
    const middle = (from + to) >> 1;
    sortStretchByFallingScore(order, from, middle, score, scratch);
    sortStretchByFallingScore(order, middle, to, score, scratch);
    if (score[order[middle - 1]!]! >= score[order[middle]!]!) return;
    for (let i = from; i < middle; i += 1) scratch[i] = order[i]!;
    for (let i = from, j = middle, at = from; i < middle; at += 1) {
      if (j < to && score[order[j]!]! > score[scratch[i]!]!) {
        order[at] = order[j]!;
        j += 1;
      } else {
        order[at] = scratch[i]!;
        i += 1;
      }
    }
    return;
  }
  for (let i = from + 1; i < to; i += 1) {
    const row = order[i]!;
    const value = score[row]!;
    let j = i - 1;
    while (j >= from && score[order[j]!]! < value) {
      order[j + 1] = order[j]!;
      j -= 1;
    }
    order[j + 1] = row;
  }
}
