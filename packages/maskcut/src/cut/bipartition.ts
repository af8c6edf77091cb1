/** The two sides of a cut, and which of them is the object. */
export interface Bipartition {
  /** [gridH, gridW], 1 on the side taken as foreground. */
  readonly foreground: Uint8Array;
  /** Patch where the eigenvector, turned so that the foreground is positive, peaks. */
  readonly seed: number;
  /** Corners of the grid on the side above the mean. */
  readonly cornersAbove: number;
  /** Whether the foreground is the side below the mean. */
  readonly reversed: boolean;
}

/** A side with this many corners is taken for background: an object is rarely in three corners of its photo. */
const backgroundCorners = 3;

/** Entries that agree to this are equal up to rounding (patches with the same edges); the first of them counts. */
const tie = 1e-9;

/**
 * Splits the patches at the mean of the eigenvector and picks the foreground by CutLER's rule: the side above the mean,
 * unless it covers three corners of the grid or does not hold the peak of |v|.
 *
 * The rule depends on the sign of the vector where the side of the peak covers three corners: with the peak positive (the
 * sign of {@link fixSign}) the other side is foreground, with the peak negative the side of the peak is.
 *
 * @param free - [N], 1 for patches that take part; the others are on neither side
 */
export function bipartition(
  vector: Float64Array,
  gridH: number,
  gridW: number,
  free: Uint8Array = new Uint8Array(vector.length).fill(1),
): Bipartition {
  let sum = 0;
  let members = 0;
  let peak = -1;
  for (let i = 0; i < vector.length; i += 1) {
    if (free[i] === 0) continue;
    sum += vector[i]!;
    members += 1;
    if (peak < 0 || Math.abs(vector[i]!) > Math.abs(vector[peak]!) * (1 + tie)) peak = i;
  }
  const mean = sum / members;
  const above = (i: number): boolean => free[i] !== 0 && vector[i]! > mean;
  const corners = [0, gridW - 1, (gridH - 1) * gridW, gridH * gridW - 1];
  const cornersAbove = corners.filter(above).length;
  const reversed = cornersAbove >= backgroundCorners || !above(peak);
  const foreground = new Uint8Array(vector.length);
  const slack = tie * Math.abs(vector[peak] ?? 0);
  let seed = -1;
  for (let i = 0; i < vector.length; i += 1) {
    if (free[i] === 0) continue;
    foreground[i] = above(i) === reversed ? 0 : 1;
    const height = reversed ? -vector[i]! : vector[i]!;
    const highest = seed < 0 ? Number.NEGATIVE_INFINITY : reversed ? -vector[seed]! : vector[seed]!;
    if (height > highest + slack) seed = i;
  }
  return { foreground, seed, cornersAbove, reversed };
}
