/** Eigenvalues of a symmetric tridiagonal matrix, ascending, with their orthonormal eigenvectors. */
export interface TridiagonalEigen {
  /** [m], ascending. */
  readonly values: Float64Array;
  /** [m, m] row-major; column `j` belongs to `values[j]`. */
  readonly vectors: Float64Array;
}

/**
 * Solves a small symmetric tridiagonal eigenproblem by implicit QL iterations (Dubrulle, Martin and Wilkinson 1968).
 *
 * @param diagonal - [m]
 * @param offDiagonal - [m - 1] or longer; the rest is not read
 */
export function symmetricTridiagonalEigen(
  diagonal: ArrayLike<number>,
  offDiagonal: ArrayLike<number>,
): TridiagonalEigen {
  const m = diagonal.length;
  const d = Float64Array.from(diagonal);
  const e = new Float64Array(m);
  for (let i = 0; i + 1 < m; i += 1) e[i] = offDiagonal[i]!;
  const z = new Float64Array(m * m);
  for (let i = 0; i < m; i += 1) z[i * m + i] = 1;
  for (let l = 0; l < m; l += 1) {
    for (let iteration = 0; iteration < 60; iteration += 1) {
      const split = firstNegligible(d, e, l);
      if (split === l) break;
      qlSweep(d, e, z, l, split);
    }
  }
  return sorted(d, z);
}

function firstNegligible(d: Float64Array, e: Float64Array, from: number): number {
  for (let k = from; k + 1 < d.length; k += 1) {
    const scale = Math.abs(d[k]!) + Math.abs(d[k + 1]!);
    if (Math.abs(e[k]!) <= Number.EPSILON * scale || Math.abs(e[k]!) < 1e-300) return k;
  }
  return d.length - 1;
}

function qlSweep(d: Float64Array, e: Float64Array, z: Float64Array, l: number, end: number): void {
  const m = d.length;
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  let r = Math.hypot(g, 1);
  g = d[end]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = end - 1; i >= l; i -= 1) {
    let f = s * e[i]!;
    const b = c * e[i]!;
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p;
      e[end] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    r = (d[i]! - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    for (let k = 0; k < m; k += 1) {
      const at = k * m + i;
      f = z[at + 1]!;
      z[at + 1] = s * z[at]! + c * f;
      z[at] = c * z[at]! - s * f;
    }
  }
  d[l]! -= p;
  e[l] = g;
  e[end] = 0;
}

function sorted(d: Float64Array, z: Float64Array): TridiagonalEigen {
  const m = d.length;
  const order = Array.from({ length: m }, (_, i) => i).sort((a, b) => d[a]! - d[b]! || a - b);
  const values = new Float64Array(m);
  const vectors = new Float64Array(m * m);
  for (let j = 0; j < m; j += 1) {
    const from = order[j]!;
    values[j] = d[from]!;
    for (let k = 0; k < m; k += 1) vectors[k * m + j] = z[k * m + from]!;
  }
  return { values, vectors };
}
