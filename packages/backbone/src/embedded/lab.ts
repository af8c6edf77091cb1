/** sRGB level to linear light. */
const linear: Float32Array = Float32Array.from({ length: 256 }, (_, level) => {
  const value = level / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

/** Steps of the table of CIE's cube root; between two entries the error is below a tenth of a just noticeable difference. */
const steps = 4096;
const cubeRoot: Float32Array = Float32Array.from({ length: steps + 2 }, (_, i) => {
  const t = i / steps;
  return t > 216 / 24389 ? Math.cbrt(t) : (841 / 108) * t + 4 / 29;
});

/**
 * CIE L*a*b* (D65) of 8-bit sRGB.
 *
 * @param rgb - [N, 3]
 * @returns [3, N]: L in [0, 100], a and b in about [-110, 110]
 */
export function labPlanes(rgb: Uint8Array): Float32Array {
  const n = rgb.length / 3;
  const planes = new Float32Array(3 * n);
  for (let i = 0; i < n; i += 1) {
    const r = linear[rgb[3 * i]!]!;
    const g = linear[rgb[3 * i + 1]!]!;
    const b = linear[rgb[3 * i + 2]!]!;
    const fx = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
    const fy = root(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
    const fz = root((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
    planes[i] = 116 * fy - 16;
    planes[n + i] = 500 * (fx - fy);
    planes[2 * n + i] = 200 * (fy - fz);
  }
  return planes;
}

function root(t: number): number {
  const at = Math.min(1, Math.max(0, t)) * steps;
  const low = Math.floor(at);
  return cubeRoot[low]! + (at - low) * (cubeRoot[low + 1]! - cubeRoot[low]!);
}
