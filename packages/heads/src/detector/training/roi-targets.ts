import type { SeededRng } from '@u2seg/core';
import { concatBoxes, pairwiseIou, takeBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { matchOrBackground } from '../../boxes/matcher.ts';
import type { RoiConfig } from '../config/config.ts';
import { ignoredBoxes } from './ignore-region.ts';
import { sampleLabels } from './sampling.ts';
import type { TrainSample } from './train-sample.ts';

/** Regions of one image with what they are trained towards. */
export interface LabelledRegions {
  /** [R, 4] */
  readonly boxes: BoxArray;
  /** [R] in [0, K]; K is background. */
  readonly classes: Int32Array;
  /** [R, 4] matched ground-truth boxes; zeros where the image has none. */
  readonly truthBoxes: BoxArray;
  /** [R] row of the matched instance. */
  readonly matched: Int32Array;
  /** False if the image has no instance at all. */
  readonly hasTruth: boolean;
}

/** Labels regions against an image's instances: foreground from IoU `iou` on. */
export function labelRegions(boxes: BoxArray, sample: TrainSample, config: RoiConfig, iou: number): LabelledRegions {
  const { boxesXyxy, classes } = sample.instances;
  const count = boxes.length / 4;
  const matches = matchOrBackground(pairwiseIou(boxesXyxy, boxes), classes.length, count, {
    thresholds: [iou],
    labels: [0, 1],
    allowLowQualityMatches: false,
  });
  const hasTruth = classes.length > 0;
  return {
    boxes,
    classes: Int32Array.from(matches.labels, (label, i) =>
      label === 1 ? classes[matches.indices[i]!]! : config.numClasses,
    ),
    truthBoxes: hasTruth ? takeBoxes(boxesXyxy, matches.indices) : new Float32Array(4 * count),
    matched: matches.indices,
    hasTruth,
  };
}

/**
 * Proposals and ground-truth boxes of one image, labelled at the first stage's IoU and sampled: foreground first, then
 * background. Background inside the ignored region is left out.
 */
export function sampleRegions(
  proposals: BoxArray,
  sample: TrainSample,
  config: RoiConfig,
  rng: SeededRng,
): LabelledRegions {
  const boxes = concatBoxes([proposals, sample.instances.boxesXyxy]);
  const all = labelRegions(boxes, sample, config, config.stages[0]!.iou);
  const ignored = ignoredBoxes(boxes, sample.ignore);
  const foreground: number[] = [];
  const background: number[] = [];
  for (let i = 0; i < all.classes.length; i += 1) {
    if (all.classes[i]! < config.numClasses) foreground.push(i);
    else if (ignored[i] === 0) background.push(i);
  }
  const drawn = sampleLabels(foreground, background, config.batchSizePerImage, config.positiveRatio, rng);
  return selectRegions(all, [...drawn.positives, ...drawn.negatives]);
}

/** Regions by row. */
export function selectRegions(regions: LabelledRegions, rows: readonly number[]): LabelledRegions {
  return {
    boxes: takeBoxes(regions.boxes, rows),
    classes: Int32Array.from(rows, (i) => regions.classes[i]!),
    truthBoxes: takeBoxes(regions.truthBoxes, rows),
    matched: Int32Array.from(rows, (i) => regions.matched[i]!),
    hasTruth: regions.hasTruth,
  };
}
