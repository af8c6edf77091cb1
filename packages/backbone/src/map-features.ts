/** Turns a feature map [D, h, w] into one row per cell, [h * w, D]. */
export function mapToRows(map: Float32Array, dim: number): Float32Array {
  const cells = map.length / dim;
  const rows = new Float32Array(map.length);
  for (let d = 0; d < dim; d += 1) {
    for (let i = 0; i < cells; i += 1) rows[i * dim + d] = map[d * cells + i]!;
  }
  return rows;
}
