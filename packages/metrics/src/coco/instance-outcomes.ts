import { assertInRange } from '@u2seg/core';
import { matchInstances } from './coco-match.ts';
import { resolveCocoParameters, type IouType } from './coco-parameters.ts';
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';

export interface OutcomeOptions {
  readonly iouType?: IouType;
  /** A detection is right from this IoU with a free ground truth of its category on. */
  readonly iou?: number;
  /** Detections looked at per image and category. */
  readonly maxDetections?: number;
}

export const outcomeDefaults: Required<OutcomeOptions> = { iouType: 'bbox', iou: 0.5, maxDetections: 100 };

/** What became of every detection and every ground truth at one IoU threshold. */
export interface InstanceOutcomes {
  readonly options: Required<OutcomeOptions>;
  /** [D] row of the ground truth matched; -1 for none. */
  readonly gtOfDetection: Int32Array;
  /** [D] 1 where the detection counts: among `maxDetections`, and not matched to a crowd. */
  readonly counted: Uint8Array;
  /** [G] row of the detection matched; -1 for none. Crowds have none. */
  readonly detectionOfGt: Int32Array;
}

/** Matches as COCO does at one threshold, over all areas. */
export function matchOutcomes(gt: CocoGroundTruth, dt: CocoDetections, options: OutcomeOptions = {}): InstanceOutcomes {
  const resolved = { ...outcomeDefaults, ...options };
  assertInRange('matchOutcomes: iou', resolved.iou, 0, 1);
  const rows = matchInstances(
    gt,
    dt,
    resolveCocoParameters({
      iouType: resolved.iouType,
      iouThresholds: [resolved.iou],
      areaRanges: [{ name: 'all', min: 0, max: Infinity }],
      maxDetections: [resolved.maxDetections],
    }),
    true,
  );
  const gtOfDetection = new Int32Array(dt.length).fill(-1);
  const counted = new Uint8Array(dt.length);
  const detectionOfGt = new Int32Array(gt.annotations.length).fill(-1);
  for (let i = 0; i < rows.length; i += 1) {
    if (rows.ignored[i] !== 0) continue;
    const detection = rows.detection[i]!;
    const row = rows.matchedGt![i]!;
    counted[detection] = 1;
    gtOfDetection[detection] = row;
    if (row >= 0) detectionOfGt[row] = detection;
  }
  return { options: resolved, gtOfDetection, counted, detectionOfGt };
}
