import * as tf from '@tensorflow/tfjs-core';
import { cropAndResizeMasks } from '../../boxes/bit-masks.ts';
import { sigmoidCrossEntropySum } from '../../tf/loss-terms.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { DetectorConfig } from '../config/config.ts';
import type { ForwardPass } from '../network/layers.ts';
import { maskLogits, poolForMasks } from '../network/mask-head.ts';
import { selectRegions, type LabelledRegions } from './roi-targets.ts';
import type { TrainSample } from './train-sample.ts';

/** Mask loss of the sampled foreground: binary cross entropy averaged over regions and pixels; 0 without foreground. */
export function maskLoss(
  pass: ForwardPass,
  config: DetectorConfig,
  maps: MapRows,
  samples: readonly TrainSample[],
  regions: readonly LabelledRegions[],
): tf.Scalar {
  const foreground = regions.map((image) =>
    selectRegions(
      image,
      [...image.classes.keys()].filter((i) => image.classes[i]! < config.roi.numClasses),
    ),
  );
  const classes = Int32Array.from(foreground.flatMap((image) => [...image.classes]));
  if (classes.length === 0) return tf.scalar(0);
  const pooled = poolForMasks(
    config,
    maps,
    foreground.map((image) => image.boxes),
  );
  const logits = maskLogits(pass, config, pooled, classes);
  const side = logits.shape[1];
  const targets = new Float32Array(logits.size);
  let at = 0;
  for (const [b, image] of foreground.entries()) {
    const masks = Array.from(image.matched, (row) => samples[b]!.instances.masks[row]!);
    const cropped = cropAndResizeMasks(masks, image.boxes, side);
    targets.set(cropped, at);
    at += cropped.length;
  }
  return tf.div(sigmoidCrossEntropySum(logits, targets), logits.size) as tf.Scalar;
}
