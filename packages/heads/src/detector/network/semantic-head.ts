import * as tf from '@tensorflow/tfjs-core';
import { toFloat32 } from '../../tf/bfloat16.ts';
import { resizeBilinear } from '../../tf/resize.ts';
import type { SemanticHeadConfig } from '../config/config.ts';
import type { Pyramid } from './fpn.ts';
import { convLayer, type ForwardPass } from './layers.ts';

/** Stride of the semantic logits. */
export const semanticStride = 4;

/**
 * Semantic FPN: p2 to p5 brought to stride 4 by convolutions and bilinear doubling, summed, classified.
 *
 * @returns [B, H / 4, W / 4, classes] logits
 */
export function semanticLogits(pass: ForwardPass, config: SemanticHeadConfig, pyramid: Pyramid): tf.Tensor4D {
  let sum: tf.Tensor4D | undefined;
  for (let level = 2; level <= 5; level += 1) {
    let x = pyramid[level - 2]!;
    for (let k = 0; k < Math.max(1, level - 2); k += 1) {
      const name = `sem_seg_head.p${level}.${2 * k}`;
      x = convLayer(pass, { name, norm: config.norm, stride: 1, padding: 1, activation: 'relu' }, x);
      if (level > 2) x = resizeBilinear(toFloat32(x), 2 * x.shape[1], 2 * x.shape[2]);
    }
    x = toFloat32(x);
    sum = sum === undefined ? x : tf.add(sum, x);
  }
  const plain = { norm: '', stride: 1, padding: 0, activation: 'linear', precision: 'float32' } as const;
  const predictor = { ...plain, name: 'sem_seg_head.predictor' };
  return convLayer(pass, predictor, sum!);
}
