/** Of numbers over several seeds: those that are finite; the sample's deviation, NaN for fewer than two. */
export function meanAndDeviation(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const finite = values.filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: finite.length < 2 ? Number.NaN : Math.sqrt(squares / (finite.length - 1)) };
}
