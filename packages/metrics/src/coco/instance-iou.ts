import { U2SegError } from '@u2seg/core';
import type { IouType } from './coco-parameters.ts';
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { assertSameImageSize, runIntersection, type RunTable } from './run-table.ts';

/**
 * IoU of the detections with the ground truths of one group, for boxes or masks, crowds included.
 *
 * A mask pair whose areas and boxes already bound its IoU below the lowest threshold gets 0 without looking at its runs: no
 * decision depends on the exact value then.
 */
export class IouReader {
  readonly #dtBoxes: Float64Array;
  readonly #gtBoxes: Float64Array;
  readonly #crowd: Uint8Array;
  readonly #dtRuns: RunTable | undefined;
  readonly #gtRuns: RunTable | undefined;
  readonly #floor: number;

  /** @param floor - IoUs below it may come back as 0; 0 wants all of them */
  constructor(gt: CocoGroundTruth, dt: CocoDetections, iouType: IouType, floor: number) {
    this.#crowd = gt.annotations.crowd;
    this.#floor = floor;
    if (iouType === 'segm') {
      if (dt.runs === undefined && dt.length > 0) {
        throw new U2SegError('wrong-usage', 'evaluateCoco: iouType segm wants detections with masks, got boxes only.');
      }
      this.#dtRuns = dt.runs;
      this.#gtRuns = gt.annotations.runs();
    }
    this.#dtBoxes = this.#dtRuns?.bboxXywh ?? dt.bboxXywh;
    this.#gtBoxes = this.#gtRuns?.bboxXywh ?? gt.annotations.bboxXywh;
  }

  /** Fills `out` [numDt, numGt] row-major; says whether any value is above 0 and at or above the floor. */
  group(
    dtRows: Int32Array,
    dFrom: number,
    dTo: number,
    gtRows: Int32Array,
    gFrom: number,
    gTo: number,
    out: Float64Array,
  ): boolean {
    const dtBoxes = this.#dtBoxes;
    const gtBoxes = this.#gtBoxes;
    const floor = this.#floor;
    let any = false;
    let at = 0;
    for (let d = dFrom; d < dTo; d += 1) {
      const dtRow = dtRows[d]!;
      const x = dtBoxes[4 * dtRow]!;
      const y = dtBoxes[4 * dtRow + 1]!;
      const w = dtBoxes[4 * dtRow + 2]!;
      const h = dtBoxes[4 * dtRow + 3]!;
      const right = x + w;
      const bottom = y + h;
      for (let g = gFrom; g < gTo; g += 1, at += 1) {
        out[at] = 0;
        const gtRow = gtRows[g]!;
        const gx = gtBoxes[4 * gtRow]!;
        const gw = gtBoxes[4 * gtRow + 2]!;
        const overlapX = (right < gx + gw ? right : gx + gw) - (x > gx ? x : gx);
        if (!(overlapX > 0)) continue;
        const gy = gtBoxes[4 * gtRow + 1]!;
        const gh = gtBoxes[4 * gtRow + 3]!;
        const overlapY = (bottom < gy + gh ? bottom : gy + gh) - (y > gy ? y : gy);
        if (!(overlapY > 0)) continue;
        const shared = overlapX * overlapY;
        const value =
          this.#dtRuns === undefined
            ? shared / (this.#crowd[gtRow] === 1 ? w * h : w * h + gw * gh - shared)
            : this.#maskIou(dtRow, gtRow, shared);
        out[at] = value;
        if (value > 0 && value >= floor) any = true;
      }
    }
    return any;
  }

  #maskIou(dtRow: number, gtRow: number, sharedBox: number): number {
    const dt = this.#dtRuns!;
    const gt = this.#gtRuns!;
    const dtArea = dt.areas[dtRow]!;
    const gtArea = gt.areas[gtRow]!;
    const crowd = this.#crowd[gtRow] === 1;
    const most = Math.min(dtArea, gtArea, sharedBox);
    const bound = most / (crowd ? dtArea : dtArea + gtArea - most);
    // a hair of slack: the bound and the value are rounded apart
    if (bound < this.#floor - 1e-9) return 0;
    assertSameImageSize('evaluateCoco', dt, dtRow, gt, gtRow);
    const shared = runIntersection(dt, dtRow, gt, gtRow);
    return shared === 0 ? 0 : shared / (crowd ? dtArea : dtArea + gtArea - shared);
  }
}
