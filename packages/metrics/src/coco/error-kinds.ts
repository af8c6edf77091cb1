import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { IouReader } from './instance-iou.ts';
import type { InstanceOutcomes } from './instance-outcomes.ts';
import { identityOrder, orderByKey } from './stable-order.ts';

/**
 * - `classification`: on an object of another class;
 * - `localization`: near an object of its class, but not near enough;
 * - `both`: near an object of another class only, and not near enough;
 * - `duplicate`: on an object of its class that a detection of higher score has;
 * - `background`: near nothing;
 * - `missed`: an object with no detection on it, nor one that a repair would put there.
 */
export type ErrorKind = 'classification' | 'localization' | 'both' | 'duplicate' | 'background' | 'missed';

export const errorKinds: readonly ErrorKind[] = [
  'classification',
  'localization',
  'both',
  'duplicate',
  'background',
  'missed',
];

/** The error of one detection. */
export interface DetectionError {
  readonly kind: Exclude<ErrorKind, 'missed'>;
  /** Row of the ground truth it should have been, for classification and localization. */
  readonly gt?: number;
}

/** One kind for every wrong detection, tried in TIDE's order: localization, classification, duplicate, background, both. */
export function classifyErrors(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  outcomes: InstanceOutcomes,
  backgroundIou: number,
): { ofDetection: readonly (DetectionError | undefined)[]; missedGt: readonly number[] } {
  const { annotations } = gt;
  const reader = new IouReader(gt, dt, outcomes.options.iouType, Math.max(backgroundIou, 1e-12));
  const numImages = gt.images.length;
  const dtOrder = orderByKey(dt.imageIndex, numImages, identityOrder(dt.length));
  const gtOrder = orderByKey(annotations.imageIndex, numImages, identityOrder(annotations.length));
  const ofDetection = Array.from<DetectionError | undefined>({ length: dt.length });
  const covered = new Uint8Array(annotations.length);
  for (let image = 0, d = 0, g = 0; image < numImages; image += 1) {
    const dFrom = d;
    const gFrom = g;
    while (d < dtOrder.length && dt.imageIndex[dtOrder[d]!] === image) d += 1;
    while (g < gtOrder.length && annotations.imageIndex[gtOrder[g]!] === image) g += 1;
    const numGt = g - gFrom;
    const ious = new Float64Array((d - dFrom) * numGt);
    reader.group(dtOrder, dFrom, d, gtOrder, gFrom, g, ious);
    for (let i = dFrom; i < d; i += 1) {
      const detection = dtOrder[i]!;
      if (outcomes.counted[detection] === 0 || outcomes.gtOfDetection[detection]! >= 0) continue;
      const row = ious.subarray((i - dFrom) * numGt, (i - dFrom + 1) * numGt);
      const error = classifyOne(gt, dt.categoryIndex[detection]!, row, gtOrder, gFrom, outcomes, backgroundIou);
      ofDetection[detection] = error;
      if (error.gt !== undefined) covered[error.gt] = 1;
    }
  }
  const missedGt = [...covered.keys()].filter(
    (row) => covered[row] === 0 && annotations.crowd[row] === 0 && outcomes.detectionOfGt[row] === -1,
  );
  return { ofDetection, missedGt };
}

function classifyOne(
  gt: CocoGroundTruth,
  category: number,
  ious: Float64Array,
  gtOrder: Int32Array,
  gFrom: number,
  outcomes: InstanceOutcomes,
  backgroundIou: number,
): DetectionError {
  const { annotations } = gt;
  const { iou: foreground } = outcomes.options;
  let same = -1;
  let other = -1;
  let used = 0;
  for (let j = 0; j < ious.length; j += 1) {
    const row = gtOrder[gFrom + j]!;
    if (annotations.crowd[row] === 1) continue;
    if (annotations.categoryIndex[row] !== category) {
      if (other < 0 || ious[j]! > ious[other]!) other = j;
      continue;
    }
    if (same < 0 || ious[j]! > ious[same]!) same = j;
    if (outcomes.detectionOfGt[row]! >= 0) used = Math.max(used, ious[j]!);
  }
  const bestSame = same < 0 ? 0 : ious[same]!;
  const bestOther = other < 0 ? 0 : ious[other]!;
  if (bestSame >= backgroundIou && bestSame < foreground) return { kind: 'localization', gt: gtOrder[gFrom + same]! };
  if (bestOther >= foreground) return { kind: 'classification', gt: gtOrder[gFrom + other]! };
  if (used >= foreground) return { kind: 'duplicate' };
  if (Math.max(bestSame, bestOther) <= backgroundIou) return { kind: 'background' };
  return { kind: 'both' };
}
