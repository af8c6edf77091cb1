/**
 * Pillow's antialiased bicubic for one 8-bit channel, for comparing with the goldens: two passes, 22-bit coefficients,
 * 8-bit intermediate.
 */
export function resizeBicubic(
  data: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  const across = width === toWidth ? data : pass(data, height, width, toWidth);
  if (height === toHeight) return across;
  return transposed(pass(transposed(across, height, toWidth), toWidth, height, toHeight), toWidth, toHeight);
}

function transposed(data: Uint8Array, height: number, width: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) out[x * height + y] = data[y * width + x]!;
  return out;
}

function pass(data: Uint8Array, rows: number, from: number, to: number): Uint8Array {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = 2 * stretch;
  const out = new Uint8Array(rows * to);
  for (let t = 0; t < to; t += 1) {
    const center = (t + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(from, Math.trunc(center + support + 0.5));
    const raw: number[] = [];
    for (let s = first; s < last; s += 1) raw.push(cubic((s - center + 0.5) / stretch));
    const total = raw.reduce((a, b) => a + b, 0);
    const weights = raw.map((w) => Math.trunc((w / total) * 2 ** 22 + (w < 0 ? -0.5 : 0.5)));
    for (let r = 0; r < rows; r += 1) {
      let sum = 2 ** 21;
      for (let k = 0; k < weights.length; k += 1) sum += data[r * from + first + k]! * weights[k]!;
      out[r * to + t] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
    }
  }
  return out;
}

function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}
