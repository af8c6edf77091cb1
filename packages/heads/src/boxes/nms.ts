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
  /** x1, y1, x2, y2 and area of each group's kept boxes, one after the other. */
  const keptOfGroup = new Map<number, number[]>();
  const kept: number[] = [];
  for (const i of order) {
    let rivals = keptOfGroup.get(groups[i]!);
    if (rivals === undefined) keptOfGroup.set(groups[i]!, (rivals = []));
    const [x1, y1, x2, y2] = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
    const area = areas[i]!;
    if (isSuppressed(rivals, x1, y1, x2, y2, area, limit)) continue;
    rivals.push(x1, y1, x2, y2, area);
    kept.push(i);
  }
  return Int32Array.from(kept);
}

function isSuppressed(
  rivals: readonly number[],
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  area: number,
  limit: number,
): boolean {
  for (let k = 0; k < rivals.length; k += 5) {
    const width = Math.min(x2, rivals[k + 2]!) - Math.max(x1, rivals[k]!);
    if (!(width > 0)) continue;
    const height = Math.min(y2, rivals[k + 3]!) - Math.max(y1, rivals[k + 1]!);
    if (!(height > 0)) continue;
    const intersection = round(round(width) * round(height));
    if (round(intersection / round(round(rivals[k + 4]! + area) - intersection)) > limit) return true;
  }
  return false;
}
