import type { VitWeights } from './vit-architecture.ts';

/** torch's cubic kernel parameter for plain bicubic interpolation. */
const bicubicA = -0.75;
/** torch's cubic kernel parameter with antialiasing, which is Pillow's. */
const antialiasA = -0.5;
/** DINO adds this to the target grid before it computes the scale factor, against rounding of the output size. */
const interpolateOffset = 0.1;

/** Which inputs one output sample draws on, and how much of each. */
interface Taps {
  readonly outputs: number;
  /** Taps of one output. */
  readonly count: number;
  /** [outputs, count] */
  readonly index: Int32Array;
  readonly weight: Float64Array;
}

/**
 * Position embedding of a `gridH` x `gridW` image, with the CLS token and the registers added in.
 *
 * The embedding is used as stored on the grid it was trained on; elsewhere it is interpolated as the family does it: DINO and DINOv2
 * without registers bicubically, with source coordinates from the scale factor they pass, `(grid + 0.1) / trained`, not from the
 * ratio of the sizes; DINOv2 with registers bicubically with antialiasing from the ratio of the sizes.
 *
 * @returns [1 + registers + gridH * gridW, D]: row 0 is `cls_token + pos_embed[0]`, then the register tokens as they are
 */
export function positionTokens(weights: VitWeights, gridH: number, gridW: number): Float32Array {
  const { dim, registers, positionGrid } = weights.architecture;
  const cls = weights.parameters.get('cls_token')!.data;
  const embedding = weights.parameters.get('pos_embed')!.data;
  const out = new Float32Array((1 + registers + gridH * gridW) * dim);
  for (let d = 0; d < dim; d += 1) out[d] = cls[d]! + embedding[d]!;
  if (registers > 0) out.set(weights.parameters.get('register_tokens')!.data, dim);
  const patches = out.subarray((1 + registers) * dim);
  if (gridH === positionGrid && gridW === positionGrid) {
    patches.set(embedding.subarray(dim));
    return out;
  }
  const antialias = registers > 0;
  const taps = (grid: number): Taps =>
    antialias
      ? antialiasTaps(positionGrid, grid)
      : bicubicTaps(positionGrid, grid, (grid + interpolateOffset) / positionGrid);
  interpolate(embedding.subarray(dim), positionGrid, dim, taps(gridH), taps(gridW), patches);
  return out;
}

/** Keys cubic convolution kernel at distance `x >= 0`. */
function cubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** Four taps around `(i + 0.5) / scale - 0.5`, indices clamped to the border. */
function bicubicTaps(inputs: number, outputs: number, scale: number): Taps {
  const count = 4;
  const index = new Int32Array(count * outputs);
  const weight = new Float64Array(count * outputs);
  for (let i = 0; i < outputs; i += 1) {
    const source = (i + 0.5) / scale - 0.5;
    const first = Math.floor(source) - 1;
    for (let k = 0; k < count; k += 1) {
      index[count * i + k] = Math.min(inputs - 1, Math.max(0, first + k));
      weight[count * i + k] = cubic(Math.abs(source - first - k), bicubicA);
    }
  }
  return { outputs, count, index, weight };
}

/** Taps of a kernel stretched by the reduction, cut at the border and normalised. */
function antialiasTaps(inputs: number, outputs: number): Taps {
  const scale = inputs / outputs;
  const stretch = Math.max(1, scale);
  const count = 2 * Math.ceil(2 * stretch) + 1;
  const index = new Int32Array(count * outputs);
  const weight = new Float64Array(count * outputs);
  for (let i = 0; i < outputs; i += 1) {
    const center = scale * (i + 0.5);
    const first = Math.max(0, Math.trunc(center - 2 * stretch + 0.5));
    const end = Math.min(inputs, Math.trunc(center + 2 * stretch + 0.5));
    let sum = 0;
    for (let j = first; j < end; j += 1) {
      const w = cubic(Math.abs((j - center + 0.5) / stretch), antialiasA);
      index[count * i + j - first] = j;
      weight[count * i + j - first] = w;
      sum += w;
    }
    for (let k = 0; k < count; k += 1) weight[count * i + k]! /= sum;
  }
  return { outputs, count, index, weight };
}

/** Separable interpolation of a channel-last grid [n, n, D] -> [rows.outputs, columns.outputs, D]. */
function interpolate(input: Float32Array, n: number, dim: number, rows: Taps, columns: Taps, out: Float32Array): void {
  const gridW = columns.outputs;
  const wide = new Float64Array(n * gridW * dim);
  for (let y = 0; y < n; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      const target = (y * gridW + x) * dim;
      for (let k = x * columns.count; k < (x + 1) * columns.count; k += 1) {
        const weight = columns.weight[k]!;
        const source = (y * n + columns.index[k]!) * dim;
        for (let d = 0; d < dim; d += 1) wide[target + d]! += weight * input[source + d]!;
      }
    }
  }
  const line = new Float64Array(gridW * dim);
  for (let y = 0; y < rows.outputs; y += 1) {
    line.fill(0);
    for (let k = y * rows.count; k < (y + 1) * rows.count; k += 1) {
      const weight = rows.weight[k]!;
      const source = rows.index[k]! * line.length;
      for (let i = 0; i < line.length; i += 1) line[i]! += weight * wide[source + i]!;
    }
    out.set(line, y * line.length);
  }
}
