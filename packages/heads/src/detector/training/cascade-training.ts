import type * as tf from '@tensorflow/tfjs-core';
import { clipBoxes, nonemptyBoxes, takeBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { applyDeltas, type DeltaWeights } from '../../boxes/box-transform.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { DetectorConfig, RoiConfig } from '../config/config.ts';
import { boxStage, poolForBoxes } from '../network/box-head.ts';
import type { ForwardPass } from '../network/layers.ts';
import { boxStageLosses } from './box-losses.ts';
import { dropLossWeights } from './drop-loss.ts';
import { labelRegions, type LabelledRegions } from './roi-targets.ts';
import type { TrainSample } from './train-sample.ts';

/**
 * Losses of all box stages. Each stage trains on the boxes the stage before refined (clipped, without empty ones,
 * labelled again at its own IoU); no gradient flows through those boxes.
 *
 * @param first - sampled regions of the first stage
 * @returns `loss_cls_stage0`, `loss_box_reg_stage0`, ...; without a suffix when there is one plain stage
 */
export function cascadeLosses(
  pass: ForwardPass,
  config: DetectorConfig,
  maps: MapRows,
  samples: readonly TrainSample[],
  first: readonly LabelledRegions[],
): Record<string, tf.Scalar> {
  const { roi } = config;
  const losses: Record<string, tf.Scalar> = {};
  let regions = first;
  for (const [stage, { deltaWeights }] of roi.stages.entries()) {
    const pooled = poolForBoxes(
      config,
      maps,
      regions.map((image) => image.boxes),
    );
    const predictions = boxStage(pass, config, stage, pooled);
    const next = roi.stages[stage + 1];
    const refined =
      next === undefined && roi.dropLossIou === undefined
        ? []
        : decodeByImage(predictions.deltas, regions, deltaWeights, roi);
    const weights =
      roi.dropLossIou === undefined ? undefined : dropLossWeights(regions, refined, roi.dropLossIou, stage);
    const { classification, localization } = boxStageLosses(
      predictions,
      regions,
      roi.numClasses,
      deltaWeights,
      weights,
    );
    const suffix = roi.cascade ? `_stage${stage}` : '';
    losses[`loss_cls${suffix}`] = classification;
    losses[`loss_box_reg${suffix}`] = localization;
    if (next !== undefined) {
      regions = refined.map((boxes, b) => {
        const { height, width } = samples[b]!.image;
        clipBoxes(boxes, height, width);
        return labelRegions(takeBoxes(boxes, nonemptyBoxes(boxes)), samples[b]!, roi, next.iou);
      });
    }
  }
  return losses;
}

/** Refined boxes of each image: [R_b, 4]; with class-specific deltas, those of the labelled class (0 for background). */
function decodeByImage(
  deltas: tf.Tensor2D,
  regions: readonly LabelledRegions[],
  weights: DeltaWeights,
  { numClasses }: RoiConfig,
): BoxArray[] {
  const perRegion = deltas.shape[1] / 4;
  const values = deltas.dataSync() as Float32Array;
  let row = 0;
  return regions.map((image) => {
    const rows = Array.from(image.classes, (label) => {
      const column = perRegion > 1 && label < numClasses ? label : 0;
      row += 1;
      return (row - 1) * perRegion + column;
    });
    return applyDeltas(takeBoxes(values, rows), image.boxes, weights);
  });
}
