import type { ImageSize } from '../detector/inference/proposals.ts';
import { semanticStride } from '../detector/network/semantic-head.ts';

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
 * size.
 *
 * Both resizings, from the head's stride to network size and from there to output size, are one weighted mean of grid cells an
 * axis. A mean lies between its parts: where pixels share their cells, only classes that are not below another one everywhere
 * are interpolated, mostly a single one. The lower class wins on equal logits.
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
  const [, gridH, gridW] = shape;
  const rows = composedTaps(gridH, network.height, output.height);
  const columns = composedTaps(gridW, network.width, output.width);
  const columnSpans = spansOf(columns);
  const labels = new Int32Array(output.height * output.width);
  const candidates: number[] = [];
  for (const rowSpan of spansOf(rows)) {
    for (const columnSpan of columnSpans) {
      possibleWinners(logits, shape, rowSpan, columnSpan, candidates);
      for (let y = rowSpan.from; y < rowSpan.to; y += 1) {
        for (let x = columnSpan.from; x < columnSpan.to; x += 1) {
          labels[y * output.width + x] =
            candidates.length === 1 ? candidates[0]! : winner(logits, shape, candidates, rows, y, columns, x);
        }
      }
    }
  }
  return labels;
}

/** Output values `from` to `to`, which all are means of the cells `first` to `last`. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

function spansOf({ size, taps, places, weights }: AxisTaps): Span[] {
  const spans: Span[] = [];
  for (let x = 0; x < size; x += 1) {
    const used = Array.from({ length: taps }, (_, t) => t * size + x).filter((at) => weights[at] !== 0);
    const first = Math.min(...used.map((at) => places[at]!));
    const last = Math.max(...used.map((at) => places[at]!));
    const before = spans.at(-1);
    if (before?.first === first && before.last === last) spans[spans.length - 1] = { ...before, to: x + 1 };
    else spans.push({ from: x, to: x + 1, first, last });
  }
  return spans;
}

/** Classes whose highest logit in the cells is not below the highest of the classes' lowest. */
function possibleWinners(
  logits: Float32Array,
  [classes, gridH, gridW]: readonly [number, number, number],
  rows: Span,
  columns: Span,
  out: number[],
): void {
  let highestLow = -Infinity;
  for (let c = 0; c < classes; c += 1) {
    let low = Infinity;
    for (let y = rows.first; y <= rows.last; y += 1) {
      const row = (c * gridH + y) * gridW;
      for (let x = columns.first; x <= columns.last; x += 1) if (logits[row + x]! < low) low = logits[row + x]!;
    }
    if (low > highestLow) highestLow = low;
  }
  out.length = 0;
  for (let c = 0; c < classes; c += 1) {
    let high = -Infinity;
    for (let y = rows.first; y <= rows.last; y += 1) {
      const row = (c * gridH + y) * gridW;
      for (let x = columns.first; x <= columns.last; x += 1) if (logits[row + x]! > high) high = logits[row + x]!;
    }
    if (high >= highestLow) out.push(c);
  }
}

/** The candidate with the highest logit at one output pixel; 0 where none is a number. */
function winner(
  logits: Float32Array,
  [, gridH, gridW]: readonly [number, number, number],
  candidates: readonly number[],
  rows: AxisTaps,
  y: number,
  columns: AxisTaps,
  x: number,
): number {
  let label = 0;
  let best = -Infinity;
  for (const c of candidates) {
    let sum = 0;
    for (let r = y; r < rows.places.length; r += rows.size) {
      const row = (c * gridH + rows.places[r]!) * gridW;
      let ofRow = 0;
      for (let k = x; k < columns.places.length; k += columns.size) {
        ofRow += columns.weights[k]! * logits[row + columns.places[k]!]!;
      }
      sum += rows.weights[r]! * ofRow;
    }
    if (sum > best) {
      best = sum;
      label = c;
    }
  }
  return label;
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
