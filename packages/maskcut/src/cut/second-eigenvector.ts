import { assertLength, seededRng } from '@u2seg/core';
import { edgeCounts, type AffinityGraph } from './affinity-graph.ts';
import { cutArena } from './cut-kernels.ts';
import { symmetricTridiagonalEigen } from './symmetric-tridiagonal.ts';

export interface EigenvectorOptions {
  /** Weight of a pair without an edge, so that the graph stays connected. */
  readonly floor?: number;
  /** The residual of the eigenvector, divided by its gap to the next eigenvalue, at which the iteration stops. */
  readonly tolerance?: number;
  /** Upper bound on products with the matrix. */
  readonly maxIterations?: number;
  /** [N] first guess of `v`, for example the vector of the previous cut. */
  readonly start?: Float64Array;
}

/** floor: CutLER and TokenCut. tolerance: eigenvectors agree with LAPACK's to 1e-9 of their largest entry. */
export const eigenvectorDefaults: Required<Omit<EigenvectorOptions, 'start'>> = {
  floor: 1e-5,
  tolerance: 1e-10,
  maxIterations: 300,
};

/** The second smallest solution of (D - A) v = lambda D v. */
export interface SecondEigenvector {
  /** lambda, in [0, 2]; 0 where the graph falls apart, about 1 where there is nothing to cut. */
  readonly value: number;
  /** Estimate of the third smallest eigenvalue, at least `value`; NaN after fewer than two iterations. */
  readonly nextValue: number;
  /** [N], normalized to v^T D v = 1, the entry of largest |v| (the first such) positive; 0 outside of the graph. */
  readonly vector: Float64Array;
  /** [N] row sums of A over the patches that take part; 0 for the others. */
  readonly degrees: Float64Array;
  /** Norm of the residual of the symmetric problem, for a unit vector. */
  readonly residual: number;
  /** Products with the matrix. */
  readonly iterations: number;
  /** False if `maxIterations` ended it; the vector is then the best so far. */
  readonly converged: boolean;
}

/** A symmetric non-negative matrix of which only products with a vector are needed. */
export interface AffinityOperator {
  readonly size: number;
  /** [N] row sums, positive where the row takes part and 0 elsewhere. */
  readonly degrees: Float64Array;
  /** Writes A x into `y`; `x` is 0 where the row takes no part. */
  multiply(x: Float64Array, y: Float64Array): void;
}

/**
 * Finds the second smallest generalized eigenvector of a graph: the relaxed normalized cut of Shi and Malik (2000).
 *
 * Lanczos on D^-1/2 A D^-1/2, whose largest eigenvector is known (D^1/2 1) and deflated, so that the wanted one is the
 * largest left; full reorthogonalization; stopped on the residual. A is 1 on an edge and `floor` elsewhere.
 *
 * Where the eigenvalue is multiple (all features equal) the vector is one of many: a fixed one for the same input.
 *
 * @param free - [N], 1 for the patches that take part; the others are left out of the graph
 */
export function secondEigenvector(
  graph: AffinityGraph,
  options: EigenvectorOptions = {},
  free: Uint8Array = new Uint8Array(graph.size).fill(1),
): SecondEigenvector {
  assertLength('secondEigenvector: free', free.length, [graph.size]);
  const floor = options.floor ?? eigenvectorDefaults.floor;
  const { size, rows } = graph;
  const counts = edgeCounts(graph, free);
  let members = 0;
  for (const flag of free) members += flag === 0 ? 0 : 1;
  const degrees = new Float64Array(size);
  for (let i = 0; i < size; i += 1) if (free[i] !== 0) degrees[i] = counts[i]! + floor * (members - counts[i]!);

  const arena = cutArena();
  const bits = arena.allocate(graph.panels.length);
  const tables = arena.allocate(16384);
  const xAt = arena.allocate(rows * 8);
  const yAt = arena.allocate(rows * 8);
  arena.u8(bits, graph.panels.length).set(graph.panels);
  const xs = arena.f64(xAt, rows).fill(0);
  const ys = arena.f64(yAt, size);
  return lanczos(
    {
      size,
      degrees,
      multiply(x, y) {
        xs.set(x);
        arena.kernels.multiply(bits, size, rows, xAt, yAt, tables);
        let sum = 0;
        for (let i = 0; i < size; i += 1) sum += x[i]!;
        for (let i = 0; i < size; i += 1) y[i] = (1 - floor) * ys[i]! + floor * sum;
      },
    },
    options,
  );
}

/** {@link secondEigenvector} for any affinity, for example the cosines themselves. */
export function lanczos(operator: AffinityOperator, options: EigenvectorOptions = {}): SecondEigenvector {
  const { tolerance, maxIterations } = { ...eigenvectorDefaults, ...options };
  const { size, degrees } = operator;
  const members: number[] = [];
  for (let i = 0; i < size; i += 1) if (degrees[i]! > 0) members.push(i);
  const n = members.length;
  const rootDegree = new Float64Array(size);
  const inverseRoot = new Float64Array(size);
  let total = 0;
  for (const i of members) {
    rootDegree[i] = Math.sqrt(degrees[i]!);
    inverseRoot[i] = 1 / rootDegree[i]!;
    total += degrees[i]!;
  }
  const first = new Float64Array(size);
  for (const i of members) first[i] = rootDegree[i]! / Math.sqrt(total);

  const limit = Math.min(maxIterations, Math.max(0, n - 1));
  const basis: Float64Array[] = [];
  const alpha: number[] = [];
  const beta: number[] = [];
  let q = startVector(options.start, degrees, rootDegree, members);
  orthogonalize(q, first, []);
  orthogonalize(q, first, []);
  let scale = norm(q);
  const x = new Float64Array(size);
  let w: Float64Array = new Float64Array(size);
  let coefficients: Float64Array = new Float64Array([1]);
  let theta = 0;
  let next = Number.NaN;
  let residual = 0;
  let converged = limit === 0;
  while (basis.length < limit) {
    for (let i = 0; i < size; i += 1) q[i]! /= scale;
    basis.push(q);
    for (let i = 0; i < size; i += 1) x[i] = q[i]! * inverseRoot[i]!;
    operator.multiply(x, w);
    for (let i = 0; i < size; i += 1) w[i]! *= inverseRoot[i]!;
    alpha.push(dot(q, w));
    // Twice is enough (Kahan, Parlett): once removes the overlap, once what rounding put back.
    orthogonalize(w, first, basis);
    orthogonalize(w, first, basis);
    scale = norm(w);
    const m = basis.length;
    const exhausted = scale < 1e-13 || m === limit;
    // Small systems every time; large ones every fourth, for their own cost grows with m^3.
    if (exhausted || m < 24 || m % 4 === 0) {
      const eigen = symmetricTridiagonalEigen(alpha, beta);
      theta = eigen.values[m - 1]!;
      next = m > 1 ? eigen.values[m - 2]! : Number.NaN;
      coefficients = new Float64Array(m);
      for (let k = 0; k < m; k += 1) coefficients[k] = eigen.vectors[k * m + m - 1]!;
      residual = scale * Math.abs(coefficients[m - 1]!);
      const gap = m > 1 ? Math.max(theta - next, 1e-3 * Math.abs(theta), 1e-6) : 0;
      converged = scale < 1e-13 || (m > 1 && residual <= tolerance * gap) || m === n - 1;
      if (converged || exhausted) break;
    }
    beta.push(scale);
    q = w;
    w = new Float64Array(size);
  }
  const vector = new Float64Array(size);
  for (let k = 0; k < basis.length; k += 1) {
    const c = coefficients[k]!;
    const b = basis[k]!;
    for (let i = 0; i < size; i += 1) vector[i]! += c * b[i]!;
  }
  for (let i = 0; i < size; i += 1) vector[i]! *= inverseRoot[i]!;
  fixSign(vector);
  return {
    value: basis.length === 0 ? 1 : 1 - theta,
    nextValue: 1 - next,
    vector,
    degrees,
    residual,
    iterations: basis.length,
    converged,
  };
}

/** Flips the vector so that its entry of largest absolute value, the first such, is positive. */
export function fixSign(vector: Float64Array): void {
  let peak = 0;
  // Entries of patches with the same edges differ by rounding only; the first of them counts.
  for (let i = 1; i < vector.length; i += 1) {
    if (Math.abs(vector[i]!) > Math.abs(vector[peak]!) * (1 + 1e-9)) peak = i;
  }
  if (vector.length > 0 && vector[peak]! < 0) for (let i = 0; i < vector.length; i += 1) vector[i] = -vector[i]!;
}

const startSeed = 0x6d61736b;

function startVector(
  guess: Float64Array | undefined,
  degrees: Float64Array,
  rootDegree: Float64Array,
  members: readonly number[],
): Float64Array {
  const q = new Float64Array(degrees.length);
  const rng = seededRng(startSeed);
  let mean = 0;
  for (const i of members) mean += degrees[i]! / members.length;
  let guessScale = 0;
  if (guess !== undefined) for (const i of members) guessScale = Math.max(guessScale, Math.abs(guess[i] ?? 0));
  for (const i of members) {
    // An object is a small group with few edges, so the degree already points to it; the noise reaches every direction.
    const hint = guessScale > 0 ? guess![i]! / guessScale : (mean - degrees[i]!) / mean;
    q[i] = rootDegree[i]! * (hint + (guessScale > 0 ? 0.02 : 0.1) * (rng() - 0.5));
  }
  return q;
}

function orthogonalize(w: Float64Array, first: Float64Array, basis: readonly Float64Array[]): void {
  subtract(w, first);
  for (let k = basis.length - 1; k >= 0; k -= 1) subtract(w, basis[k]!);
}

function subtract(w: Float64Array, unit: Float64Array): void {
  const along = dot(w, unit);
  for (let i = 0; i < w.length; i += 1) w[i]! -= along * unit[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let s0 = 0;
  let s1 = 0;
  let i = 0;
  for (; i + 1 < a.length; i += 2) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
  }
  if (i < a.length) s0 += a[i]! * b[i]!;
  return s0 + s1;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
