import { assertInteger, assertLength, U2SegError } from '@u2seg/core';

/**
 * Checks that points are [N, D] and finite, and returns [N] squared norms.
 *
 * @throws U2SegError `shape-mismatch`, or `out-of-range` naming the first point that holds a NaN or an infinity
 */
export function checkedSquaredNorms(where: string, points: Float32Array, n: number, dim: number): Float64Array {
  assertInteger(`${where}: dim`, dim, 1);
  assertInteger(`${where}: n`, n, 1);
  assertLength(`${where}: points`, points.length, [n, dim]);
  const norms = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const norm = squaredNorm(points, i * dim, dim);
    if (!Number.isFinite(norm)) {
      throw new U2SegError('out-of-range', `${where}: points must be finite, got a NaN or an infinity in row ${i}.`);
    }
    norms[i] = norm;
  }
  return norms;
}

/**
 * Divides every row by its Euclidean norm; a zero row stays zero.
 *
 * [N, D] -> [N, D]; `out` may be `points` itself.
 */
export function normalizeRows(
  points: Float32Array,
  n: number,
  dim: number,
  out: Float32Array = new Float32Array(n * dim),
): Float32Array {
  for (let i = 0; i < n; i += 1) {
    const norm = Math.sqrt(squaredNorm(points, i * dim, dim));
    const scale = norm > 0 ? 1 / norm : 0;
    for (let j = i * dim; j < (i + 1) * dim; j += 1) out[j] = points[j]! * scale;
  }
  return out;
}

/** Rows `rows` of [*, D] values, in that order. */
export function gatherRows(values: Float32Array, rows: Int32Array, dim: number): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i += 1) {
    out.set(values.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  }
  return out;
}

/** Sum of squares of `dim` values from `from`. */
export function squaredNorm(values: Float32Array, from: number, dim: number): number {
  let sum = 0;
  for (let j = from; j < from + dim; j += 1) sum += values[j]! * values[j]!;
  return sum;
}
