import * as tf from '@tensorflow/tfjs-core';
import { concatBoxes, takeBoxes } from '../../boxes/box-array.ts';
import { boxDeltas, type DeltaWeights } from '../../boxes/box-transform.ts';
import { gatherRows } from '../../tf/gather-rows.ts';
import { smoothL1Sum, softmaxCrossEntropySum } from '../../tf/loss-terms.ts';
import type { BoxPredictions } from '../network/box-head.ts';
import type { LabelledRegions } from './roi-targets.ts';

export interface BoxStageLosses {
  readonly classification: tf.Scalar;
  readonly localization: tf.Scalar;
}

/**
 * Losses of one box stage: cross entropy averaged over all regions (dropped ones too), and the L1 distance of the
 * foreground's deltas divided by the number of all regions.
 *
 * @param weights - [R] of the classification loss, all 1 when absent
 */
export function boxStageLosses(
  predictions: BoxPredictions,
  regions: readonly LabelledRegions[],
  numClasses: number,
  deltaWeights: DeltaWeights,
  weights?: Float32Array,
): BoxStageLosses {
  const classes = Int32Array.from(regions.flatMap((image) => [...image.classes]));
  const count = Math.max(classes.length, 1);
  const sum = softmaxCrossEntropySum(predictions.logits, classes, weights ?? new Float32Array(classes.length).fill(1));
  const classification = tf.div(sum, count) as tf.Scalar;

  const foreground: number[] = [];
  for (let i = 0; i < classes.length; i += 1) if (classes[i]! < numClasses) foreground.push(i);
  const boxes = takeBoxes(concatBoxes(regions.map((image) => image.boxes)), foreground);
  const truth = takeBoxes(concatBoxes(regions.map((image) => image.truthBoxes)), foreground);
  const classSpecific = predictions.deltas.shape[1] > 4;
  const perRegion = predictions.deltas.shape[1] / 4;
  const rows = Int32Array.from(foreground, (i) => i * perRegion + (classSpecific ? classes[i]! : 0));
  const predicted = gatherRows(tf.reshape(predictions.deltas, [-1, 4]) as tf.Tensor2D, rows);
  const distance =
    foreground.length === 0 ? tf.scalar(0) : smoothL1Sum(predicted, boxDeltas(boxes, truth, deltaWeights));
  return { classification, localization: tf.div(distance, count) as tf.Scalar };
}
