import * as tf from '@tensorflow/tfjs-core';
import type { BoxArray } from '../../boxes/box-array.ts';
import { relu } from '../../tf/activation.ts';
import { add, reshape, toFloat32 } from '../../tf/bfloat16.ts';
import { gatherRows } from '../../tf/gather-rows.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { DetectorConfig } from '../config/config.ts';
import { convLayer, hiddenProduct, type ForwardPass } from './layers.ts';
import { poolPyramid } from './roi-pooler.ts';

/** Pools regions from p2 to p5 for the mask head: [R, poolSize, poolSize, C]. */
export function poolForMasks(config: DetectorConfig, maps: MapRows, boxes: readonly BoxArray[]): tf.Tensor4D {
  const { poolSize, samplingRatio } = config.maskHead;
  return poolPyramid(maps, boxes, { outputSize: poolSize, samplingRatio });
}

/**
 * Mask logits of pooled regions, each for its own class only: the other classes' masks are never used, and with K = 800
 * they would be most of the work and memory.
 *
 * @param classes - [R] in [0, K); not read when masks are class-agnostic
 * @returns [R, 2 poolSize, 2 poolSize]
 */
export function maskLogits(
  pass: ForwardPass,
  config: DetectorConfig,
  pooled: tf.Tensor4D,
  classes: Int32Array,
): tf.Tensor3D {
  const { numConvs, norm, classAgnostic, convChannels } = config.maskHead;
  const head = 'roi_heads.mask_head';
  let x = pooled;
  for (let k = 1; k <= numConvs; k += 1) {
    x = convLayer(pass, { name: `${head}.mask_fcn${k}`, norm, stride: 1, padding: 1, activation: 'relu' }, x);
  }
  const [regions, height, width, channels] = x.shape;
  // stride equals kernel, so every input pixel makes its own 2x2 block; blocks are put in place once they are masks
  const flat = reshape(x, [regions * height * width, channels]) as tf.Tensor2D;
  const blocks = hiddenProduct(pass, `${head}.deconv`, flat);
  const places = reshape(blocks, [regions, 4 * height * width, convChannels]);
  const upsampled = toFloat32(relu(add(places, pass.parameters.get(`${head}.deconv.bias`)))) as tf.Tensor3D;

  const weight = pass.parameters.get(`${head}.predictor.weight`);
  const bias = pass.parameters.get(`${head}.predictor.bias`);
  const numMasks = weight.shape[3]!;
  const ofRegion = classAgnostic ? new Int32Array(regions) : classes;
  const byClass = tf.transpose(tf.reshape(weight, [convChannels, numMasks]));
  const filters = tf.reshape(gatherRows(byClass as tf.Tensor2D, ofRegion), [regions, convChannels, 1]);
  const shifts = tf.reshape(gatherRows(tf.reshape(bias, [numMasks, 1]), ofRegion), [regions, 1, 1]);
  const logits = tf.add(tf.matMul(upsampled, filters), shifts);
  const inBlocks = tf.reshape(logits, [regions * height, width, 2, 2]);
  return tf.reshape(tf.transpose(inBlocks, [0, 2, 1, 3]), [regions, 2 * height, 2 * width]);
}
