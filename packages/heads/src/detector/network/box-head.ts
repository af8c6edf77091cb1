import type * as tf from '@tensorflow/tfjs-core';
import type { BoxArray } from '../../boxes/box-array.ts';
import { scaleGradient } from '../../tf/activation.ts';
import { reshape, toFloat32 } from '../../tf/bfloat16.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { DetectorConfig } from '../config/config.ts';
import { roiStageNames } from '../parameters/parameter-specs.ts';
import { convLayer, hiddenLayer, predictor, type ForwardPass } from './layers.ts';
import { poolPyramid } from './roi-pooler.ts';

/** Predictions of one box stage. */
export interface BoxPredictions {
  /** [R, K + 1]; the last class is background. */
  readonly logits: tf.Tensor2D;
  /** [R, 4] or [R, 4 K] */
  readonly deltas: tf.Tensor2D;
}

/** Pools regions from p2 to p5 for a box stage: [R, poolSize, poolSize, C]. */
export function poolForBoxes(config: DetectorConfig, maps: MapRows, boxes: readonly BoxArray[]): tf.Tensor4D {
  const { poolSize, samplingRatio } = config.boxHead;
  return poolPyramid(maps, boxes, { outputSize: poolSize, samplingRatio });
}

/**
 * Classifies and refines pooled regions by one stage's layers. In a cascade's training the gradient into the shared
 * features is divided by the number of stages.
 */
export function boxStage(
  pass: ForwardPass,
  config: DetectorConfig,
  stage: number,
  pooled: tf.Tensor4D,
): BoxPredictions {
  const { numConvs, numFcs, norm } = config.boxHead;
  const infix = roiStageNames(config)[stage]!;
  const head = `roi_heads.box_head${infix}`;
  let map = pooled;
  if (pass.training && config.roi.cascade) map = scaleGradient(pooled, 1 / config.roi.stages.length);
  for (let k = 1; k <= numConvs; k += 1) {
    map = convLayer(pass, { name: `${head}.conv${k}`, norm, stride: 1, padding: 1, activation: 'relu' }, map);
  }
  const [regions, height, width, channels] = map.shape;
  let x: tf.Tensor2D = reshape(map, [regions, height * width * channels]) as tf.Tensor2D;
  for (let k = 1; k <= numFcs; k += 1) x = hiddenLayer(pass, `${head}.fc${k}`, x);
  x = toFloat32(x);
  return {
    logits: predictor(pass, `roi_heads.box_predictor${infix}.cls_score`, x),
    deltas: predictor(pass, `roi_heads.box_predictor${infix}.bbox_pred`, x),
  };
}
