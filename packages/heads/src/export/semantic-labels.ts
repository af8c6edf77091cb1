import type { ImageSize } from '../detector/proposals.ts';
import { semanticStride } from '../detector/semantic-head.ts';

/** Linear interpolation along one axis: value `i` is the sum over taps `t` of `weights[t n + i] * source[places[t n + i]]`. */
interface AxisTaps {
  /** n, values after interpolation. */
  readonly size: number;
  readonly taps: number;
  readonly places: Int32Array;
  readonly weights: Float32Array;
}

/**
 * Most likely class of every output pixel, as `finishSemantic` and an argmax over classes, without a map of logits at output
 * size: both resizings, from the head's stride to network size and from there to output size, are one weighted sum of grid
 * cells an axis. The lower class wins on equal logits.
 *
 * @param logits - [classes, gridH, gridW] of the padded image
 * @returns [output.height, output.width]
 */
export function semanticLabels(
  logits: Float32Array,
  shape: readonly [number, number, number],
  network: ImageSize,
  output: ImageSize,
): Int32Array {
  const [classes, gridH, gridW] = shape;
  const rows = composedTaps(gridH, network.height, output.height);
  const columns = composedTaps(gridW, network.width, output.width);
  const labels = new Int32Array(output.height * output.width);
  const gridRow = new Float32Array(gridW);
  const values = new Float32Array(output.width);
  const best = new Float32Array(output.width);
  for (let y = 0; y < output.height; y += 1) {
    best.fill(-Infinity);
    const ofRow = labels.subarray(y * output.width, (y + 1) * output.width);
    for (let c = 0; c < classes; c += 1) {
      weightedRows(logits, c * gridH * gridW, gridW, rows, y, gridRow);
      interpolate(gridRow, columns, values);
      for (let x = 0; x < values.length; x += 1) {
        if (values[x]! > best[x]!) {
          best[x] = values[x]!;
          ofRow[x] = c;
        }
      }
    }
  }
  return labels;
}

function weightedRows(
  source: Float32Array,
  offset: number,
  width: number,
  rows: AxisTaps,
  y: number,
  out: Float32Array,
): void {
  out.fill(0);
  for (let t = 0; t < rows.taps; t += 1) {
    const weight = rows.weights[t * rows.size + y]!;
    if (weight === 0) continue;
    const from = offset + rows.places[t * rows.size + y]! * width;
    for (let x = 0; x < width; x += 1) out[x]! += weight * source[from + x]!;
  }
}

function interpolate(source: Float32Array, { size, taps, places, weights }: AxisTaps, out: Float32Array): void {
  for (let x = 0; x < size; x += 1) out[x] = weights[x]! * source[places[x]!]!;
  for (let t = 1; t < taps; t += 1) {
    const base = t * size;
    for (let x = 0; x < size; x += 1) out[x]! += weights[base + x]! * source[places[base + x]!]!;
  }
}

/** From the grid to the padded image by the head's stride, cut to `network`, then to `output`. */
function composedTaps(grid: number, network: number, output: number): AxisTaps {
  const merged = Array.from({ length: output }, (_, i) => {
    const cells = new Map<number, number>();
    for (const [pixel, share] of linearTaps(i, network, output)) {
      for (const [cell, part] of linearTaps(pixel, grid, grid * semanticStride)) {
        cells.set(cell, (cells.get(cell) ?? 0) + share * part);
      }
    }
    return [...cells];
  });
  const taps = merged.reduce((most, cells) => Math.max(most, cells.length), 1);
  const places = new Int32Array(taps * output);
  const weights = new Float32Array(taps * output);
  for (const [i, cells] of merged.entries()) {
    for (const [t, [cell, weight]] of cells.entries()) {
      places[t * output + i] = cell;
      weights[t * output + i] = weight;
    }
  }
  return { size: output, taps, places, weights };
}

/** Source indices and weights of value `i` of a linear resizing at half-pixel centres, clamped at both ends. */
function linearTaps(i: number, inSize: number, outSize: number): (readonly [number, number])[] {
  const position = Math.max(((i + 0.5) * inSize) / outSize - 0.5, 0);
  const low = Math.min(Math.floor(position), inSize - 1);
  const share = low === inSize - 1 ? 0 : position - low;
  return share === 0
    ? [[low, 1]]
    : [
        [low, 1 - share],
        [low + 1, share],
      ];
}
