import * as tf from '@tensorflow/tfjs-core';
import { toFloat32 } from '../tf/bfloat16.ts';
import type { Pyramid } from './fpn.ts';
import { convLayer, type ForwardPass } from './layers.ts';

/** Predictions of the region proposal network on one pyramid level, anchors in row-major grid order. */
export interface RpnLevel {
  /** [B, H * W * A] logits */
  readonly objectness: tf.Tensor2D;
  /** [B, H * W * A, 4] */
  readonly deltas: tf.Tensor3D;
  readonly height: number;
  readonly width: number;
  /** Input pixels a cell. */
  readonly stride: number;
}

/** Shared 3x3 convolution and two 1x1 predictors on every level. */
export function rpnHead(pass: ForwardPass, pyramid: Pyramid): RpnLevel[] {
  const name = 'proposal_generator.rpn_head';
  const plain = { norm: '', stride: 1, padding: 0, activation: 'linear' } as const;
  return pyramid.map((map, index) => {
    const [batch, height, width] = map.shape;
    const layer = { ...plain, name: `${name}.conv`, padding: 1, activation: 'relu' } as const;
    const hidden = toFloat32(convLayer(pass, layer, map));
    const predictor = { ...plain, precision: 'float32' } as const;
    const logits = convLayer(pass, { ...predictor, name: `${name}.objectness_logits` }, hidden);
    const shifts = convLayer(pass, { ...predictor, name: `${name}.anchor_deltas` }, hidden);
    const anchors = height * width * logits.shape[3];
    return {
      objectness: tf.reshape(logits, [batch, anchors]),
      deltas: tf.reshape(shifts, [batch, anchors, 4]),
      height,
      width,
      stride: 4 * 2 ** index,
    };
  });
}
