/**
 * Bilinear resampling as torch's `interpolate(mode='bilinear', align_corners=False)` does it on the CPU: no
 * antialiasing, coordinates and weights in float32, edges clamped.
 *
 * @param source - [height, width, channels]
 * @returns [outHeight, outWidth, channels], float32
 */
export function resizeBilinear(
  source: ArrayLike<number>,
  height: number,
  width: number,
  channels: number,
  outHeight: number,
  outWidth: number,
): Float32Array {
  const out = new Float32Array(outHeight * outWidth * channels);
  const rows = taps(height, outHeight);
  const columns = taps(width, outWidth);
  const f = Math.fround;
  for (let y = 0, at = 0; y < outHeight; y += 1) {
    const top = rows.low[y]! * width;
    const bottom = rows.high[y]! * width;
    const v1 = rows.weight[y]!;
    const v0 = f(1 - v1);
    for (let x = 0; x < outWidth; x += 1) {
      const left = columns.low[x]!;
      const right = columns.high[x]!;
      const h1 = columns.weight[x]!;
      const h0 = f(1 - h1);
      for (let c = 0; c < channels; c += 1, at += 1) {
        const upper = f(f(h0 * source[(top + left) * channels + c]!) + f(h1 * source[(top + right) * channels + c]!));
        const lower = f(
          f(h0 * source[(bottom + left) * channels + c]!) + f(h1 * source[(bottom + right) * channels + c]!),
        );
        out[at] = f(v0 * upper) + f(v1 * lower);
      }
    }
  }
  return out;
}

/** For each output position the two input positions it lies between and the weight of the second. */
function taps(size: number, outSize: number): { low: Int32Array; high: Int32Array; weight: Float32Array } {
  const f = Math.fround;
  const low = new Int32Array(outSize);
  const high = new Int32Array(outSize);
  const weight = new Float32Array(outSize);
  const scale = f(size / outSize);
  for (let i = 0; i < outSize; i += 1) {
    const at = Math.max(0, f(f(scale * f(i + 0.5)) - 0.5));
    low[i] = Math.min(Math.floor(at), size - 1);
    high[i] = Math.min(low[i]! + 1, size - 1);
    weight[i] = f(at - low[i]!);
  }
  return { low, high, weight };
}
