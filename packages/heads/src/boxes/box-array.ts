const round = Math.fround;

/** Boxes are [N, 4] rows of (x1, y1, x2, y2) in pixels, in one Float32Array. */
export type BoxArray = Float32Array;

/** Area of every box, float32; negative sides are multiplied as they are. [N, 4] -> [N] */
export function boxAreas(boxes: BoxArray): Float32Array {
  const areas = new Float32Array(boxes.length / 4);
  for (let i = 0; i < areas.length; i += 1) {
    const width = round(boxes[4 * i + 2]! - boxes[4 * i]!);
    areas[i] = width * round(boxes[4 * i + 3]! - boxes[4 * i + 1]!);
  }
  return areas;
}

/**
 * Intersection over union of every pair, rounded to float32 at each step as a float32 implementation does, because
 * thresholds are compared with it. Pairs that do not overlap get 0.
 *
 * [N, 4], [M, 4] -> [N, M]
 */
export function pairwiseIou(a: BoxArray, b: BoxArray): Float32Array {
  const n = a.length / 4;
  const m = b.length / 4;
  const areasA = boxAreas(a);
  const areasB = boxAreas(b);
  const result = new Float32Array(n * m);
  for (let i = 0; i < n; i += 1) {
    const x1 = a[4 * i]!;
    const y1 = a[4 * i + 1]!;
    const x2 = a[4 * i + 2]!;
    const y2 = a[4 * i + 3]!;
    for (let j = 0; j < m; j += 1) {
      const width = Math.min(x2, b[4 * j + 2]!) - Math.max(x1, b[4 * j]!);
      if (!(width > 0)) continue;
      const height = Math.min(y2, b[4 * j + 3]!) - Math.max(y1, b[4 * j + 1]!);
      if (!(height > 0)) continue;
      const intersection = round(round(width) * round(height));
      if (intersection > 0) {
        result[i * m + j] = intersection / round(round(areasA[i]! + areasB[j]!) - intersection);
      }
    }
  }
  return result;
}

/** Moves every coordinate into `[0, width] x [0, height]`, in place. */
export function clipBoxes(boxes: BoxArray, height: number, width: number): void {
  for (let i = 0; i < boxes.length; i += 1) {
    boxes[i] = Math.min(Math.max(boxes[i]!, 0), i % 2 === 0 ? width : height);
  }
}

/** Indices of boxes whose both sides are longer than `threshold` pixels. */
export function nonemptyBoxes(boxes: BoxArray, threshold = 0): Int32Array {
  const kept: number[] = [];
  for (let i = 0; i < boxes.length / 4; i += 1) {
    const width = round(boxes[4 * i + 2]! - boxes[4 * i]!);
    const height = round(boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    if (width > threshold && height > threshold) kept.push(i);
  }
  return Int32Array.from(kept);
}

/** Rows of a [N, width] array by index: [M, width]. */
export function takeRows(source: Float32Array, indices: ArrayLike<number>, width: number): Float32Array {
  const result = new Float32Array(indices.length * width);
  for (let i = 0; i < indices.length; i += 1) {
    const from = indices[i]! * width;
    result.set(source.subarray(from, from + width), i * width);
  }
  return result;
}

/** Boxes by index: [M, 4]. */
export function takeBoxes(boxes: BoxArray, indices: ArrayLike<number>): BoxArray {
  return takeRows(boxes, indices, 4);
}

/** Several box arrays, one after the other. */
export function concatBoxes(parts: readonly BoxArray[]): BoxArray {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
