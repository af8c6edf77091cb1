import { assertInRange } from '@u2seg/core';
import { accumulateMatches } from './coco-accumulate.ts';
import { resolveCocoParameters } from './coco-parameters.ts';
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { classifyErrors, errorKinds, type DetectionError, type ErrorKind } from './error-kinds.ts';
import { matchOutcomes, type InstanceOutcomes, type OutcomeOptions } from './instance-outcomes.ts';

export interface BreakdownOptions extends OutcomeOptions {
  /** A detection whose IoU with every ground truth is at most this found background. */
  readonly backgroundIou?: number;
}

/** One kind of error. */
export interface ErrorShare {
  /** Detections (for `missed`, ground truths) with it. */
  readonly count: number;
  /** AP gained at the IoU threshold if it alone were repaired. */
  readonly deltaAp: number;
}

export interface ErrorBreakdown {
  /** AP at the one IoU threshold, in [0, 1]. */
  readonly ap: number;
  readonly errors: Readonly<Record<ErrorKind, ErrorShare>>;
  /** [D] kind of each detection's error; undefined for right or uncounted ones. */
  readonly ofDetection: readonly (DetectionError | undefined)[];
  /** Rows of ground truths neither found nor nearly found. */
  readonly missedGt: readonly number[];
  readonly options: Required<BreakdownOptions>;
}

/**
 * What AP is lost to, after TIDE (Bolya et al., arXiv:2008.08115): each wrong detection gets one kind of error, each kind is
 * repaired alone, and the gain in AP is its weight.
 *
 * Repairs: a wrong class is put right, a badly placed box is put on its object (either only if that object is still free, else the
 * detection goes); duplicates, background and both are removed; missed objects are not asked for.
 */
export function breakDownErrors(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  options: BreakdownOptions = {},
): ErrorBreakdown {
  const { backgroundIou = 0.1, ...rest } = options;
  const outcomes = matchOutcomes(gt, dt, rest);
  assertInRange('breakDownErrors: backgroundIou', backgroundIou, 0, outcomes.options.iou);
  const { ofDetection, missedGt } = classifyErrors(gt, dt, outcomes, backgroundIou);
  const ap = repairedAp(gt, dt, outcomes, ofDetection, missedGt, undefined);
  const errors = Object.fromEntries(
    errorKinds.map((kind) => [
      kind,
      {
        count: kind === 'missed' ? missedGt.length : ofDetection.filter((error) => error?.kind === kind).length,
        deltaAp: repairedAp(gt, dt, outcomes, ofDetection, missedGt, kind) - ap,
      },
    ]),
  ) as Record<ErrorKind, ErrorShare>;
  return { ap, errors, ofDetection, missedGt, options: { ...outcomes.options, backgroundIou } };
}

/** AP at the one threshold with one kind of error repaired. */
function repairedAp(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  outcomes: InstanceOutcomes,
  ofDetection: readonly (DetectionError | undefined)[],
  missedGt: readonly number[],
  repaired: ErrorKind | undefined,
): number {
  const { annotations } = gt;
  const positives = new Float64Array(gt.categories.length);
  for (let g = 0; g < annotations.length; g += 1) {
    if (annotations.crowd[g] === 0) positives[annotations.categoryIndex[g]!]! += 1;
  }
  if (repaired === 'missed') for (const g of missedGt) positives[annotations.categoryIndex[g]!]! -= 1;
  const taken = Uint8Array.from(outcomes.detectionOfGt, (detection) => (detection < 0 ? 0 : 1));
  const byScore = [...dt.score.keys()]
    .filter((d) => outcomes.counted[d] === 1)
    .sort((a, b) => dt.score[b]! - dt.score[a]! || dt.imageIndex[a]! - dt.imageIndex[b]! || a - b);
  const category: number[] = [];
  const score: number[] = [];
  const right: number[] = [];
  for (const d of byScore) {
    const error = ofDetection[d];
    let own = dt.categoryIndex[d]!;
    let correct = error === undefined;
    if (error !== undefined && error.kind === repaired) {
      const target = error.gt;
      if (target === undefined || taken[target] === 1) continue;
      taken[target] = 1;
      own = annotations.categoryIndex[target]!;
      correct = true;
    }
    category.push(own);
    score.push(dt.score[d]!);
    right.push(correct ? 1 : 0);
  }
  const n = score.length;
  const curves = accumulateMatches(
    {
      length: n,
      imageId: new Float64Array(n),
      category: Int32Array.from(category),
      score: Float64Array.from(score),
      rank: new Int32Array(n),
      matched: Uint32Array.from(right),
      ignored: new Uint32Array(n),
      detection: new Int32Array(n),
      matchedGt: undefined,
      positives,
      numAreas: 1,
    },
    gt.categories.length,
    resolveCocoParameters({
      iouThresholds: [outcomes.options.iou],
      areaRanges: [{ name: 'all', min: 0, max: Infinity }],
      maxDetections: [1],
    }),
  );
  let sum = 0;
  let count = 0;
  for (const value of curves.precision) {
    if (value < 0) continue;
    sum += value;
    count += 1;
  }
  return sum / count;
}
