import { assertInRange, assertInteger } from '@u2seg/core';
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { matchOutcomes, type OutcomeOptions } from './instance-outcomes.ts';

/** Detections whose scores fall in [low, high), the last bin including its end. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** NaN for an empty bin. */
  readonly meanScore: number;
  /** Share of right detections; NaN for an empty bin. */
  readonly precision: number;
}

export interface CalibrationReport {
  /** Expected calibration error: mean over detections of |precision - mean score| of their bin, in [0, 1]; NaN for none. */
  readonly expectedError: number;
  /** The largest such difference of any bin. */
  readonly maximumError: number;
  readonly bins: readonly ReliabilityBin[];
  readonly detections: number;
  readonly options: Required<OutcomeOptions>;
}

/**
 * Whether scores mean what they say: of the detections with score 0.8, are 80 % right? Right is matched at `options.iou`;
 * detections on crowds are left out.
 *
 * @throws U2SegError `out-of-range` for a score outside [0, 1]
 */
export function calibrateScores(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  options: OutcomeOptions & { readonly numBins?: number } = {},
): CalibrationReport {
  const { numBins = 10, ...rest } = options;
  assertInteger('calibrateScores: numBins', numBins, 1);
  const outcomes = matchOutcomes(gt, dt, rest);
  const count = new Float64Array(numBins);
  const scores = new Float64Array(numBins);
  const right = new Float64Array(numBins);
  let detections = 0;
  for (let d = 0; d < dt.length; d += 1) {
    const score = dt.score[d]!;
    assertInRange(`calibrateScores: detection ${d}: score`, score, 0, 1);
    if (outcomes.counted[d] === 0) continue;
    const bin = Math.min(numBins - 1, Math.floor(score * numBins));
    count[bin]! += 1;
    scores[bin]! += score;
    if (outcomes.gtOfDetection[d]! >= 0) right[bin]! += 1;
    detections += 1;
  }
  let expectedError = 0;
  let maximumError = detections === 0 ? Number.NaN : 0;
  const bins = Array.from({ length: numBins }, (_, b): ReliabilityBin => {
    const meanScore = scores[b]! / count[b]!;
    const precision = right[b]! / count[b]!;
    if (count[b]! > 0) {
      expectedError += (count[b]! / detections) * Math.abs(precision - meanScore);
      maximumError = Math.max(maximumError, Math.abs(precision - meanScore));
    }
    return { low: b / numBins, high: (b + 1) / numBins, count: count[b]!, meanScore, precision };
  });
  return {
    expectedError: detections === 0 ? Number.NaN : expectedError,
    maximumError,
    bins,
    detections,
    options: outcomes.options,
  };
}
