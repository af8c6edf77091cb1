import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { matchOutcomes, type OutcomeOptions } from './instance-outcomes.ts';

/** How the detections of one image did. */
export interface ImageOutcome {
  readonly imageId: number;
  readonly fileName: string;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  /** 2 tp / (2 tp + fp + fn), in [0, 1]; NaN for an image with neither ground truth nor detections. */
  readonly f1: number;
}

/**
 * Every image by falling number of troubles: from the lowest F1 (of equal ones the more errors, then the lower id), images without
 * anything last. Detections below `minScore` are not looked at.
 */
export function rankImages(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  options: OutcomeOptions & { readonly minScore?: number } = {},
): ImageOutcome[] {
  const { minScore = 0.5, ...rest } = options;
  const outcomes = matchOutcomes(gt, dt, rest);
  const n = gt.images.length;
  const tp = new Int32Array(n);
  const fp = new Int32Array(n);
  const fn = new Int32Array(n);
  for (let d = 0; d < dt.length; d += 1) {
    if (outcomes.counted[d] === 0 || dt.score[d]! < minScore) continue;
    const image = dt.imageIndex[d]!;
    if (outcomes.gtOfDetection[d]! >= 0) tp[image]! += 1;
    else fp[image]! += 1;
  }
  const { annotations } = gt;
  for (let g = 0; g < annotations.length; g += 1) {
    if (annotations.crowd[g] === 1) continue;
    const by = outcomes.detectionOfGt[g]!;
    if (by < 0 || dt.score[by]! < minScore) fn[annotations.imageIndex[g]!]! += 1;
  }
  const ranked = gt.images.map((image, i): ImageOutcome => ({
    imageId: image.id,
    fileName: image.fileName,
    tp: tp[i]!,
    fp: fp[i]!,
    fn: fn[i]!,
    f1: (2 * tp[i]!) / (2 * tp[i]! + fp[i]! + fn[i]!),
  }));
  const key = (one: ImageOutcome): number => (Number.isNaN(one.f1) ? 2 : one.f1);
  return ranked.sort((a, b) => key(a) - key(b) || b.fp + b.fn - (a.fp + a.fn) || a.imageId - b.imageId);
}
