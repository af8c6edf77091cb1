import * as tf from '@tensorflow/tfjs-core';
import type { SeededRng } from '@u2seg/core';
import { pairwiseIou, takeBoxes, type BoxArray } from '../boxes/box-array.ts';
import { boxDeltas } from '../boxes/box-transform.ts';
import { matchOrBackground } from '../boxes/matcher.ts';
import { gatherRows } from '../tf/gather-rows.ts';
import { sigmoidCrossEntropySum, smoothL1Sum } from '../tf/loss-terms.ts';
import type { RpnConfig } from './config.ts';
import { ignoredBoxes } from './ignore-region.ts';
import { rpnDeltaWeights } from './proposals.ts';
import type { RpnLevel } from './rpn-head.ts';
import { sampleLabels } from './sampling.ts';
import type { TrainSample } from './train-sample.ts';

/** Training targets of the anchors of one image, all levels concatenated. */
export interface AnchorTargets {
  /** [R] 1 positive, 0 negative, -1 not in the loss. */
  readonly labels: Int8Array;
  /** [R] index of the matched ground truth; meaningful where the label is 1. */
  readonly matched: Int32Array;
}

/**
 * Labels and samples the anchors of one image.
 *
 * @param anchors - [R, 4] of all levels
 * @param given - labels to use instead of a random sample (to repeat a recorded run)
 */
export function anchorTargets(
  anchors: BoxArray,
  sample: TrainSample,
  config: RpnConfig,
  rng: SeededRng,
  given?: Int8Array,
): AnchorTargets {
  const count = anchors.length / 4;
  const { boxesXyxy } = sample.instances;
  const truths = boxesXyxy.length / 4;
  const matches = matchOrBackground(pairwiseIou(boxesXyxy, anchors), truths, count, {
    thresholds: config.iouThresholds,
    labels: [0, -1, 1],
    allowLowQualityMatches: true,
  });
  if (given !== undefined) return { labels: given, matched: matches.indices };
  const ignored = ignoredBoxes(anchors, sample.ignore);
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let i = 0; i < count; i += 1) {
    if (matches.labels[i] === 1) positives.push(i);
    else if (matches.labels[i] === 0 && ignored[i] === 0) negatives.push(i);
  }
  const sampled = sampleLabels(positives, negatives, config.batchSizePerImage, config.positiveRatio, rng);
  const labels = new Int8Array(count).fill(-1);
  for (const i of sampled.positives) labels[i] = 1;
  for (const i of sampled.negatives) labels[i] = 0;
  return { labels, matched: matches.indices };
}

export interface RpnLosses {
  readonly loss_rpn_cls: tf.Scalar;
  readonly loss_rpn_loc: tf.Scalar;
}

/** Objectness and localization losses, each divided by the number of anchors a full sample would have. */
export function rpnLosses(
  levels: readonly RpnLevel[],
  anchors: readonly BoxArray[],
  targets: readonly AnchorTargets[],
  samples: readonly TrainSample[],
  config: RpnConfig,
): RpnLosses {
  const normalizer = config.batchSizePerImage * samples.length;
  let classification: tf.Scalar = tf.scalar(0);
  let localization: tf.Scalar = tf.scalar(0);
  let offset = 0;
  for (const [index, level] of levels.entries()) {
    const ofLevel = anchors[index]!;
    const count = ofLevel.length / 4;
    const rows: number[] = [];
    const labels: number[] = [];
    const positiveRows: number[] = [];
    const deltas: number[] = [];
    for (const [image, target] of targets.entries()) {
      const positives: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const label = target.labels[offset + i]!;
        if (label < 0) continue;
        rows.push(image * count + i);
        labels.push(label);
        if (label === 1) positives.push(i);
      }
      positiveRows.push(...positives.map((i) => image * count + i));
      const truth = takeBoxes(
        samples[image]!.instances.boxesXyxy,
        positives.map((i) => target.matched[offset + i]!),
      );
      deltas.push(...boxDeltas(takeBoxes(ofLevel, positives), truth, rpnDeltaWeights));
    }
    offset += count;
    if (rows.length > 0) {
      const flat = tf.reshape(level.objectness, [-1, 1]) as tf.Tensor2D;
      const logits = gatherRows(flat, Int32Array.from(rows));
      classification = tf.add(classification, sigmoidCrossEntropySum(logits, Float32Array.from(labels)));
    }
    if (positiveRows.length > 0) {
      const flat = tf.reshape(level.deltas, [-1, 4]) as tf.Tensor2D;
      const predicted = gatherRows(flat, Int32Array.from(positiveRows));
      localization = tf.add(localization, smoothL1Sum(predicted, Float32Array.from(deltas)));
    }
  }
  const factor = config.lossWeight / normalizer;
  return { loss_rpn_cls: tf.mul(classification, factor), loss_rpn_loc: tf.mul(localization, factor) };
}
