import type { CocoParameters } from './coco-parameters.ts';
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { IouReader } from './instance-iou.ts';
import { identityOrder, orderByKey, sortStretchByFallingScore } from './stable-order.ts';

/**
 * What matching leaves of the detections: one row per detection that was evaluated (rank below the largest `maxDetections`),
 * sorted by image, then category, then falling score. This is all that AP and AR need, so it is what shards exchange.
 */
export interface MatchedRows {
  readonly length: number;
  readonly imageId: Float64Array;
  readonly category: Int32Array;
  readonly score: Float64Array;
  /** Position among the detections of its image and category. */
  readonly rank: Int32Array;
  /** [length, numAreas] bit `t` says that the detection was matched at IoU threshold `t`. */
  readonly matched: Uint32Array;
  /** [length, numAreas] bit `t` says that it is left out at IoU threshold `t`. */
  readonly ignored: Uint32Array;
  /** Row of the detections this came from. */
  readonly detection: Int32Array;
  /** [numThresholds, length] row of the ground truth matched for the first area range; -1 for none. Only where asked for. */
  readonly matchedGt: Int32Array | undefined;
  /** [numCategories, numAreas] ground truths that count. */
  readonly positives: Float64Array;
  readonly numAreas: number;
}

/**
 * Matches detections to ground truth, image by image and category by category, as pycocotools does:
 *
 * 1. detections by falling score (ties in the order given), at most the largest `maxDetections`;
 * 2. each takes the free ground truth of highest IoU at or above the threshold; of equal ones the last; one that counts goes
 *    before one that is ignored (crowd, or outside the area range); a crowd can be taken again;
 * 3. a detection matched to an ignored one, or unmatched and itself outside the area range, is left out.
 */
export function matchInstances(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  parameters: Required<CocoParameters>,
  keepMatches: boolean,
): MatchedRows {
  const numImages = gt.images.length;
  const pool = !parameters.useCategories;
  const numCategories = pool ? 1 : gt.categories.length;
  const maxRank = parameters.maxDetections.at(-1)!;
  const { annotations } = gt;
  // grouped by image, inside by category; pooled categories still come in the order of the categories
  const byGroup = (columns: { length: number; imageIndex: Int32Array; categoryIndex: Int32Array }): Int32Array => {
    const byCategory = orderByKey(columns.categoryIndex, gt.categories.length, identityOrder(columns.length));
    return orderByKey(columns.imageIndex, numImages, byCategory);
  };
  const gtOrder = byGroup(annotations);
  const dtOrder = byGroup(dt);
  const kernel = new GroupMatcher(gt, dt, parameters, numCategories, keepMatches);
  const scratch = new Int32Array(dt.length);
  for (let d = 0, g = 0; d < dtOrder.length || g < gtOrder.length;) {
    const dtRow = d < dtOrder.length ? dtOrder[d]! : -1;
    const gtRow = g < gtOrder.length ? gtOrder[g]! : -1;
    const dtImage = dtRow < 0 ? numImages : dt.imageIndex[dtRow]!;
    const gtImage = gtRow < 0 ? numImages : annotations.imageIndex[gtRow]!;
    const image = Math.min(dtImage, gtImage);
    const dtCategory = dtImage === image ? (pool ? 0 : dt.categoryIndex[dtRow]!) : numCategories;
    const gtCategory = gtImage === image ? (pool ? 0 : annotations.categoryIndex[gtRow]!) : numCategories;
    const category = Math.min(dtCategory, gtCategory);
    let dEnd = d;
    let gEnd = g;
    if (dtCategory === category) {
      while (dEnd < dtOrder.length) {
        const row = dtOrder[dEnd]!;
        if (dt.imageIndex[row] !== image || (!pool && dt.categoryIndex[row] !== category)) break;
        dEnd += 1;
      }
    }
    if (gtCategory === category) {
      while (gEnd < gtOrder.length) {
        const row = gtOrder[gEnd]!;
        if (annotations.imageIndex[row] !== image || (!pool && annotations.categoryIndex[row] !== category)) break;
        gEnd += 1;
      }
    }
    if (dEnd - d > 1) sortStretchByFallingScore(dtOrder, d, dEnd, dt.score, scratch);
    kernel.match(category, dtOrder, d, Math.min(dEnd, d + maxRank), gtOrder, g, gEnd);
    d = dEnd;
    g = gEnd;
  }
  return kernel.finish();
}

/** The rows of one run, and the scratch space of one group. */
class GroupMatcher {
  readonly #gt: CocoGroundTruth;
  readonly #dt: CocoDetections;
  readonly #thresholds: Float64Array;
  readonly #areaMin: Float64Array;
  readonly #areaMax: Float64Array;
  readonly #iou: IouReader;
  readonly #dtArea: Float64Array;
  /** One bit per threshold. */
  readonly #allBits: number;
  readonly #positives: Float64Array;
  readonly #detection: Int32Array;
  readonly #category: Int32Array;
  readonly #rank: Int32Array;
  readonly #matched: Uint32Array;
  readonly #ignored: Uint32Array;
  readonly #matchedGt: Int32Array | undefined;
  #length = 0;
  #ious = new Float64Array(256);
  #best = new Float64Array(64);
  #gtIgnored = new Uint8Array(64);
  #gtOrder = new Int32Array(64);
  #taken = new Uint32Array(64);

  constructor(
    gt: CocoGroundTruth,
    dt: CocoDetections,
    parameters: Required<CocoParameters>,
    numCategories: number,
    keepMatches: boolean,
  ) {
    this.#gt = gt;
    this.#dt = dt;
    this.#thresholds = Float64Array.from(parameters.iouThresholds, (t) => Math.min(t, 1 - 1e-10));
    this.#allBits = 0xffffffff >>> (32 - this.#thresholds.length);
    this.#areaMin = Float64Array.from(parameters.areaRanges, (range) => range.min);
    this.#areaMax = Float64Array.from(parameters.areaRanges, (range) => range.max);
    this.#iou = new IouReader(gt, dt, parameters.iouType, this.#thresholds[0]!);
    const useMask =
      parameters.detectionArea === 'auto' ? parameters.iouType === 'segm' : parameters.detectionArea === 'mask';
    this.#dtArea = (useMask ? dt.runs?.areas : undefined) ?? boxAreas(dt.bboxXywh);
    const numAreas = this.#areaMin.length;
    this.#positives = new Float64Array(numCategories * numAreas);
    this.#detection = new Int32Array(dt.length);
    this.#category = new Int32Array(dt.length);
    this.#rank = new Int32Array(dt.length);
    this.#matched = new Uint32Array(numAreas * dt.length);
    this.#ignored = new Uint32Array(numAreas * dt.length);
    this.#matchedGt = keepMatches ? new Int32Array(this.#thresholds.length * dt.length).fill(-1) : undefined;
  }

  match(
    category: number,
    dtOrder: Int32Array,
    dFrom: number,
    dTo: number,
    gtOrder: Int32Array,
    gFrom: number,
    gTo: number,
  ): void {
    const numDt = dTo - dFrom;
    const numGt = gTo - gFrom;
    const first = this.#length;
    this.#length += numDt;
    const numAreas = this.#areaMin.length;
    const ignored = this.#ignored;
    const all = this.#allBits;
    // detections outside an area range are left out there, unless a match says otherwise
    for (let d = 0; d < numDt; d += 1) {
      const row = dtOrder[dFrom + d]!;
      this.#detection[first + d] = row;
      this.#category[first + d] = category;
      this.#rank[first + d] = d;
      const area = this.#dtArea[row]!;
      const at = (first + d) * numAreas;
      for (let a = 0; a < numAreas; a += 1) {
        if (area < this.#areaMin[a]! || area > this.#areaMax[a]!) ignored[at + a] = all;
      }
    }
    if (numGt === 0) return;
    this.#reserve(numDt, numGt);
    const any = numDt > 0 && this.#iou.group(dtOrder, dFrom, dTo, gtOrder, gFrom, gTo, this.#ious);
    if (any) this.#findBest(numDt, numGt);
    // matching does not depend on which ground truths are ignored when all of them are, or none
    let uniformArea = -1;
    for (let a = 0; a < numAreas; a += 1) {
      const counting = this.#markIgnored(a, gtOrder, gFrom, numGt);
      this.#positives[category * numAreas + a]! += counting;
      if (!any) continue;
      const uniform = counting === 0 || counting === numGt;
      if (uniform && uniformArea >= 0) this.#copyMatches(uniformArea, a, first, numDt, counting === 0);
      else this.#matchArea(a, first, numDt, gtOrder, gFrom, numGt);
      if (uniform && uniformArea < 0) uniformArea = a;
    }
  }

  /** Marks the ground truths that do not count in an area range, and says how many do. */
  #markIgnored(a: number, gtOrder: Int32Array, gFrom: number, numGt: number): number {
    const { area, crowd } = this.#gt.annotations;
    const min = this.#areaMin[a]!;
    const max = this.#areaMax[a]!;
    let counting = 0;
    for (let g = 0; g < numGt; g += 1) {
      const row = gtOrder[gFrom + g]!;
      const out = crowd[row] === 1 || area[row]! < min || area[row]! > max ? 1 : 0;
      this.#gtIgnored[g] = out;
      counting += 1 - out;
    }
    return counting;
  }

  #findBest(numDt: number, numGt: number): void {
    for (let d = 0, at = 0; d < numDt; d += 1) {
      let best = 0;
      for (let g = 0; g < numGt; g += 1, at += 1) if (this.#ious[at]! > best) best = this.#ious[at]!;
      this.#best[d] = best;
    }
  }

  #copyMatches(from: number, to: number, first: number, numDt: number, ignore: boolean): void {
    const numAreas = this.#areaMin.length;
    for (let d = 0; d < numDt; d += 1) {
      const at = (first + d) * numAreas;
      this.#note(at + to, this.#matched[at + from]!, ignore ? this.#matched[at + from]! : 0);
    }
  }

  /** Sets the bits of one detection in one area range. */
  #note(at: number, matched: number, ignored: number): void {
    if (matched === 0) return;
    this.#matched[at] = matched;
    this.#ignored[at] = (this.#ignored[at]! & ~matched) | ignored;
  }

  #matchArea(a: number, first: number, numDt: number, gtRows: Int32Array, gFrom: number, numGt: number): void {
    const { crowd } = this.#gt.annotations;
    const ignored = this.#gtIgnored;
    const order = this.#gtOrder;
    const taken = this.#taken;
    const ious = this.#ious;
    const thresholds = this.#thresholds;
    const numAreas = this.#areaMin.length;
    let used = 0;
    for (let g = 0; g < numGt; g += 1) if (ignored[g] === 0) order[used++] = g;
    for (let g = 0; g < numGt; g += 1) if (ignored[g] === 1) order[used++] = g;
    for (let g = 0; g < numGt; g += 1) taken[g] = 0;
    for (let d = 0; d < numDt; d += 1) {
      const best = this.#best[d]!;
      let bits = 0;
      let out = 0;
      for (let t = 0; t < thresholds.length && thresholds[t]! <= best; t += 1) {
        const bit = 1 << t;
        let iou = thresholds[t]!;
        let match = -1;
        for (let i = 0; i < numGt; i += 1) {
          const g = order[i]!;
          if ((taken[g]! & bit) !== 0 && crowd[gtRows[gFrom + g]!] === 0) continue;
          if (match >= 0 && ignored[match] === 0 && ignored[g] === 1) break;
          const value = ious[d * numGt + g]!;
          if (value < iou) continue;
          iou = value;
          match = g;
        }
        if (match < 0) continue;
        taken[match]! |= bit;
        bits |= bit;
        if (ignored[match] === 1) out |= bit;
        if (a === 0 && this.#matchedGt !== undefined) {
          this.#matchedGt[t * this.#dt.length + first + d] = gtRows[gFrom + match]!;
        }
      }
      this.#note((first + d) * numAreas + a, bits, out);
    }
  }

  finish(): MatchedRows {
    const n = this.#length;
    const numAreas = this.#areaMin.length;
    const rows = this.#detection.subarray(0, n);
    const { images } = this.#gt;
    const imageId = new Float64Array(n);
    const score = new Float64Array(n);
    for (let i = 0; i < n; i += 1) {
      imageId[i] = images[this.#dt.imageIndex[rows[i]!]!]!.id;
      score[i] = this.#dt.score[rows[i]!]!;
    }
    return {
      length: n,
      imageId,
      category: this.#category.subarray(0, n),
      score,
      rank: this.#rank.subarray(0, n),
      matched: this.#matched.subarray(0, n * numAreas),
      ignored: this.#ignored.subarray(0, n * numAreas),
      detection: rows,
      matchedGt: this.#matchedGt === undefined ? undefined : this.#compactGt(this.#matchedGt, n),
      positives: this.#positives,
      numAreas,
    };
  }

  /** [T, capacity] -> [T, n]. */
  #compactGt(values: Int32Array, n: number): Int32Array {
    const capacity = this.#dt.length;
    const out = new Int32Array(this.#thresholds.length * n);
    for (let t = 0; t < this.#thresholds.length; t += 1) {
      out.set(values.subarray(t * capacity, t * capacity + n), t * n);
    }
    return out;
  }

  #reserve(numDt: number, numGt: number): void {
    if (numDt * numGt > this.#ious.length) this.#ious = new Float64Array(2 * numDt * numGt);
    if (numDt > this.#best.length) this.#best = new Float64Array(2 * numDt);
    if (numGt > this.#taken.length) {
      this.#gtIgnored = new Uint8Array(2 * numGt);
      this.#gtOrder = new Int32Array(2 * numGt);
      this.#taken = new Uint32Array(2 * numGt);
    }
  }
}

function boxAreas(bboxXywh: Float64Array): Float64Array {
  const areas = new Float64Array(bboxXywh.length / 4);
  for (let i = 0; i < areas.length; i += 1) areas[i] = bboxXywh[4 * i + 2]! * bboxXywh[4 * i + 3]!;
  return areas;
}
