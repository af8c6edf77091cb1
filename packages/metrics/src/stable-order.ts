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
const numDigits = 6;
const numBuckets = 1 << digitBits;

/**
 * Rows by falling score; equal scores keep their order (numpy's `argsort(-score, kind='mergesort')`). Least-significant
 * digit radix sort on the bits of the double, six passes of eleven bits; a pass in which all rows share a digit is skipped.
 */
export function orderByFallingScore(scores: Float64Array): Int32Array<ArrayBuffer> {
  const n = scores.length;
  // +0 and -0 are equal scores, so -0 is made +0
  const normalized = new Float64Array(n);
  for (let i = 0; i < n; i += 1) normalized[i] = scores[i]! + 0;
  const words = new Uint32Array(normalized.buffer);
  const counts = new Int32Array(numDigits * numBuckets);
  for (let i = 0; i < n; i += 1) {
    let low = words[2 * i]!;
    let high = words[2 * i + 1]!;
    // falling order: positive numbers have their bits turned, negative ones already fall with rising bits
    if (high >>> 31 === 0) {
      low = ~low >>> 0;
      high = (~high & 0x7fffffff) >>> 0;
    }
    words[2 * i] = low;
    words[2 * i + 1] = high;
    for (let d = 0; d < numDigits; d += 1) counts[d * numBuckets + digit(low, high, d)]! += 1;
  }
  let order = identityOrder(n);
  let next = new Int32Array(n);
  for (let d = 0; d < numDigits; d += 1) {
    const base = d * numBuckets;
    if (n > 0 && counts[base + digit(words[2 * order[0]!]!, words[2 * order[0]! + 1]!, d)] === n) continue;
    for (let bucket = 0, start = 0; bucket < numBuckets; bucket += 1) {
      const count = counts[base + bucket]!;
      counts[base + bucket] = start;
      start += count;
    }
    for (let i = 0; i < n; i += 1) {
      const row = order[i]!;
      const at = base + digit(words[2 * row]!, words[2 * row + 1]!, d);
      next[counts[at]!] = row;
      counts[at]! += 1;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** Eleven bits of the 64-bit word `high:low`, counted from the lowest. */
function digit(low: number, high: number, index: number): number {
  const shift = digitBits * index;
  if (shift + digitBits <= 32) return (low >>> shift) & (numBuckets - 1);
  if (shift >= 32) return (high >>> (shift - 32)) & (numBuckets - 1);
  return ((low >>> shift) | (high << (32 - shift))) & (numBuckets - 1);
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
