/** int8 values of a matrix with one scale a row: `row ~ scale * values`. */
export interface QuantizedRows {
  /** [rows, columns], in [-127, 127]. */
  readonly values: Int8Array;
  /** [rows] */
  readonly scales: Float32Array;
}

const largest = 127;

/** Quantizes each row of [rows, columns] symmetrically, its largest magnitude at 127. A row of zeros gets the
 * scale 1. */
export function quantizeRows(data: Float32Array, rows: number, columns: number): QuantizedRows {
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    let peak = 0;
    for (let i = row * columns; i < (row + 1) * columns; i += 1) peak = Math.max(peak, Math.abs(data[i]!));
    // Also 1 where a denormal peak leaves no scale in float32.
    const scale = Math.fround(peak / largest) || 1;
    scales[row] = scale;
    for (let i = row * columns; i < (row + 1) * columns; i += 1) values[i] = Math.round(data[i]! / scale);
  }
  return { values, scales };
}

/** Writes [rows, columns] into `out` as [columns, rows] and returns it. */
export function transpose<T extends Float32Array | Int8Array>(data: T, out: T, rows: number, columns: number): T {
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) out[j * rows + i] = data[i * columns + j]!;
  }
  return out;
}
