/** Filters of Pillow's resampler and their fixed-point weights. */

export type PillowFilter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

interface Kernel {
  /** Half width, in input pixels when enlarging. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const kernels: Readonly<Record<Exclude<PillowFilter, 'nearest'>, Kernel>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Bits behind the point of a weight; 8 bits of pixel and 2 of head room complete the 32. */
export const precisionBits = 22;

export interface AxisWeights {
  /** Weights a row of `weights` has room for. */
  readonly taps: number;
  /** [out] first input index. */
  readonly first: Int32Array;
  /** [out] how many inputs count. */
  readonly count: Int32Array;
  /** [out, taps] fixed point with {@link precisionBits}; each row sums to 1 up to rounding. */
  readonly weights: Int32Array;
}

/** Weights of one axis; shrinking widens the kernel (antialiasing). */
export function axisWeights(inSize: number, outSize: number, filter: Exclude<PillowFilter, 'nearest'>): AxisWeights {
  const { support: halfWidth, weight } = kernels[filter];
  const scale = inSize / outSize;
  const stretch = Math.max(1, scale);
  const support = halfWidth * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Int32Array(outSize * taps);
  const row = new Float64Array(taps);
  const perPixel = 1 / stretch;
  for (let out = 0; out < outSize; out += 1) {
    const center = (out + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - support + 0.5));
    const size = Math.min(inSize, Math.trunc(center + support + 0.5)) - from;
    let sum = 0;
    for (let i = 0; i < size; i += 1) {
      row[i] = weight((i + from - center + 0.5) * perPixel);
      sum += row[i]!;
    }
    for (let i = 0; i < size; i += 1) {
      const share = (sum === 0 ? row[i]! : row[i]! / sum) * (1 << precisionBits);
      weights[out * taps + i] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }
    first[out] = from;
    count[out] = size;
  }
  return { taps, first, count, weights };
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}

function hamming(x: number): number {
  const distance = Math.abs(x);
  if (distance === 0) return 1;
  if (distance >= 1) return 0;
  const angle = distance * Math.PI;
  return (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle));
}

/** Catmull-Rom-like cubic with a = -0.5. */
function bicubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}
