import { U2SegError } from './errors.ts';
import { rleArea, rleBbox, type BboxXywh, type Rle } from './rle.ts';

/**
 * Pixels set in both masks.
 *
 * @throws U2SegError `shape-mismatch` if the sizes differ
 */
export function rleIntersection(a: Rle, b: Rle): number {
  assertSameSize('rleIntersection', a, b);
  const ca = a.counts;
  const cb = b.counts;
  let i = 1;
  let j = 1;
  if (ca.length < 2 || cb.length < 2) return 0;
  let startA = ca[0]!;
  let startB = cb[0]!;
  let endA = startA + ca[1]!;
  let endB = startB + cb[1]!;
  let area = 0;
  for (;;) {
    const from = startA > startB ? startA : startB;
    const to = endA < endB ? endA : endB;
    if (to > from) area += to - from;
    if (endA <= endB) {
      i += 2;
      if (i >= ca.length) return area;
      startA = endA + ca[i - 1]!;
      endA = startA + ca[i]!;
    } else {
      j += 2;
      if (j >= cb.length) return area;
      startB = endB + cb[j - 1]!;
      endB = startB + cb[j]!;
    }
  }
}

/**
 * Intersection over union of two masks, in [0, 1]; 0 when either is empty.
 *
 * @param isCrowd - whether `gt` is a crowd region: then the denominator is the area of `dt` alone, as the COCO API has it
 * @throws U2SegError `shape-mismatch` if the sizes differ
 */
export function rleIou(dt: Rle, gt: Rle, isCrowd = false): number {
  const intersection = rleIntersection(dt, gt);
  if (intersection === 0) return 0;
  const areaDt = rleArea(dt);
  return intersection / (isCrowd ? areaDt : areaDt + rleArea(gt) - intersection);
}

/**
 * Intersection over union of every detection with every ground truth.
 *
 * @param isCrowd - one flag per ground truth; none means no crowd
 * @returns [dt.length, gt.length] row-major
 */
export function rleIouMatrix(dt: readonly Rle[], gt: readonly Rle[], isCrowd: readonly boolean[] = []): Float64Array {
  const out = new Float64Array(dt.length * gt.length);
  const boxes = bboxIouMatrix(dt.map(rleBbox), gt.map(rleBbox));
  for (let d = 0, at = 0; d < dt.length; d += 1) {
    for (let g = 0; g < gt.length; g += 1, at += 1) {
      if (boxes[at]! > 0) out[at] = rleIou(dt[d]!, gt[g]!, isCrowd[g] ?? false);
    }
  }
  return out;
}

/**
 * Intersection over union of every detected box with every ground-truth box, as the COCO API computes it (no `+ 1`).
 *
 * @param isCrowd - one flag per ground truth; for a crowd the denominator is the detection's area
 * @returns [dt.length, gt.length] row-major
 */
export function bboxIouMatrix(
  dt: readonly BboxXywh[],
  gt: readonly BboxXywh[],
  isCrowd: readonly boolean[] = [],
): Float64Array {
  const out = new Float64Array(dt.length * gt.length);
  for (let d = 0, at = 0; d < dt.length; d += 1) {
    const [dx, dy, dw, dh] = dt[d]!;
    for (let g = 0; g < gt.length; g += 1, at += 1) {
      const [gx, gy, gw, gh] = gt[g]!;
      const w = Math.min(dx + dw, gx + gw) - Math.max(dx, gx);
      const h = Math.min(dy + dh, gy + gh) - Math.max(dy, gy);
      if (!(w > 0 && h > 0)) continue;
      const intersection = w * h;
      out[at] = intersection / (isCrowd[g] === true ? dw * dh : dw * dh + gw * gh - intersection);
    }
  }
  return out;
}

/**
 * Union of the masks, or their intersection.
 *
 * @throws U2SegError `wrong-usage` for no masks at all, `shape-mismatch` if the sizes differ
 */
export function rleMerge(rles: readonly Rle[], options: { readonly intersect?: boolean } = {}): Rle {
  const first = rles[0];
  if (first === undefined) throw new U2SegError('wrong-usage', 'rleMerge: wanted at least one mask, got none.');
  let merged = first;
  for (let i = 1; i < rles.length; i += 1) {
    assertSameSize(`rleMerge: mask ${i}`, merged, rles[i]!);
    merged = mergeTwo(merged, rles[i]!, options.intersect === true);
  }
  return merged;
}

function mergeTwo(a: Rle, b: Rle, intersect: boolean): Rle {
  const ca = a.counts;
  const cb = b.counts;
  const out = new Uint32Array(ca.length + cb.length + 1);
  let length = 0;
  let leftA = ca[0] ?? 0;
  let leftB = cb[0] ?? 0;
  let i = 1;
  let j = 1;
  let valueA = false;
  let valueB = false;
  let value = false;
  let run = 0;
  for (let pending = true; pending;) {
    const step = Math.min(leftA, leftB);
    run += step;
    leftA -= step;
    leftB -= step;
    if (leftA === 0 && i < ca.length) {
      leftA = ca[i]!;
      i += 1;
      valueA = !valueA;
    }
    if (leftB === 0 && j < cb.length) {
      leftB = cb[j]!;
      j += 1;
      valueB = !valueB;
    }
    pending = leftA + leftB > 0;
    const next = intersect ? valueA && valueB : valueA || valueB;
    if (next !== value || !pending) {
      out[length] = run;
      length += 1;
      run = 0;
      value = next;
    }
  }
  return { height: a.height, width: a.width, counts: out.slice(0, length) };
}

function assertSameSize(where: string, a: Rle, b: Rle): void {
  if (a.height !== b.height || a.width !== b.width) {
    throw new U2SegError(
      'shape-mismatch',
      `${where}: both masks must have one size, got ${a.height} x ${a.width} and ${b.height} x ${b.width}.`,
    );
  }
}
