import * as tf from '@tensorflow/tfjs-core';
import type { SeededRng } from '@u2seg/core';
import { pairwiseIou, takeBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { boxDeltas } from '../../boxes/box-transform.ts';
import { matchOrBackground } from '../../boxes/matcher.ts';
import { gatherRows } from '../../tf/gather-rows.ts';
import { sigmoidCrossEntropySum, smoothL1Sum } from '../../tf/loss-terms.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { RpnConfig } from '../config/config.ts';
import { rpnDeltaWeights } from '../inference/proposals.ts';
import type { ForwardPass } from '../network/layers.ts';
import { rpnAtAnchors } from '../network/rpn-head.ts';
import { ignoredBoxes } from './ignore-region.ts';
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

/**
 * Objectness and localization losses, each divided by the number of anchors a full sample would have.
 *
 * @param maps - cells of p2 to p6
 */
export function rpnLosses(
  pass: ForwardPass,
  maps: MapRows,
  anchors: readonly BoxArray[],
  targets: readonly AnchorTargets[],
  samples: readonly TrainSample[],
  config: RpnConfig,
): RpnLosses {
  const places = { levels: [] as number[], images: [] as number[], anchors: [] as number[] };
  const labels: number[] = [];
  const positiveRows: number[] = [];
  const deltas: number[] = [];
  let offset = 0;
  for (const [index, ofLevel] of anchors.entries()) {
    const count = ofLevel.length / 4;
    for (const [image, target] of targets.entries()) {
      const positives: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const label = target.labels[offset + i]!;
        if (label < 0) continue;
        if (label === 1) {
          positives.push(i);
          positiveRows.push(labels.length);
        }
        places.levels.push(index);
        places.images.push(image);
        places.anchors.push(i);
        labels.push(label);
      }
      const truth = takeBoxes(
        samples[image]!.instances.boxesXyxy,
        positives.map((i) => target.matched[offset + i]!),
      );
      for (const delta of boxDeltas(takeBoxes(ofLevel, positives), truth, rpnDeltaWeights)) deltas.push(delta);
    }
    offset += count;
  }
  if (labels.length === 0) return { loss_rpn_cls: tf.scalar(0), loss_rpn_loc: tf.scalar(0) };
  const predicted = rpnAtAnchors(pass, maps, places);
  const classification = sigmoidCrossEntropySum(predicted.objectness, Float32Array.from(labels));
  const localization =
    positiveRows.length === 0
      ? tf.scalar(0)
      : smoothL1Sum(gatherRows(predicted.deltas, Int32Array.from(positiveRows)), Float32Array.from(deltas));
  const factor = config.lossWeight / (config.batchSizePerImage * samples.length);
  return { loss_rpn_cls: tf.mul(classification, factor), loss_rpn_loc: tf.mul(localization, factor) };
}
