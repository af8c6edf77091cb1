import { boxAreas, type BoxArray } from './box-array.ts';

const round = Math.fround;

/** Indices in order of descending score; equal scores keep their order. NaN goes last. */
export function descendingOrder(scores: Float32Array): Int32Array {
  const order = Int32Array.from(scores, (_, i) => i);
  return order.sort((a, b) => {
    const difference = scores[b]! - scores[a]!;
    return difference !== 0 && !Number.isNaN(difference) ? difference : a - b;
  });
}

/** The `count` highest scores' indices, in descending order of score, ties by index. */
export function topIndices(scores: Float32Array, count: number): Int32Array {
  if (count >= scores.length) return descendingOrder(scores);
  if (count === 0) return new Int32Array(0);
  const threshold = scores.slice().sort()[scores.length - count]!;
  const candidates: number[] = [];
  for (let i = 0; i < scores.length; i += 1) if (scores[i]! >= threshold) candidates.push(i);
  const order = descendingOrder(Float32Array.from(candidates, (i) => scores[i]!));
  return order.slice(0, count).map((i) => candidates[i]!);
}

/**
 * Greedy non-maximum suppression within each group: boxes are visited by descending score (lower index first on equal
 * scores) and dropped when their IoU with a kept box of the same group is strictly above `threshold`.
 *
 * [N, 4], [N], [N] -> indices of the kept boxes by descending score
 *
 * @param groups - class or pyramid level of each box
 */
export function batchedNms(
  boxes: BoxArray,
  scores: Float32Array,
  groups: ArrayLike<number>,
  threshold: number,
): Int32Array {
  const limit = round(threshold);
  const areas = boxAreas(boxes);
  const order = descendingOrder(scores);
  const keptOfGroup = new Map<number, number[]>();
  const kept: number[] = [];
  for (const i of order) {
    let rivals = keptOfGroup.get(groups[i]!);
    if (rivals === undefined) keptOfGroup.set(groups[i]!, (rivals = []));
    if (isSuppressed(boxes, areas, i, rivals, limit)) continue;
    rivals.push(i);
    kept.push(i);
  }
  return Int32Array.from(kept);
}

function isSuppressed(
  boxes: BoxArray,
  areas: Float32Array,
  i: number,
  rivals: readonly number[],
  limit: number,
): boolean {
  const x1 = boxes[4 * i]!;
  const y1 = boxes[4 * i + 1]!;
  const x2 = boxes[4 * i + 2]!;
  const y2 = boxes[4 * i + 3]!;
  const area = areas[i]!;
  for (let k = 0; k < rivals.length; k += 1) {
    const j = rivals[k]!;
    const width = Math.min(x2, boxes[4 * j + 2]!) - Math.max(x1, boxes[4 * j]!);
    if (!(width > 0)) continue;
    const height = Math.min(y2, boxes[4 * j + 3]!) - Math.max(y1, boxes[4 * j + 1]!);
    if (!(height > 0)) continue;
    const intersection = round(round(width) * round(height));
    if (round(intersection / round(round(areas[j]! + area) - intersection)) > limit) return true;
  }
  return false;
}
