import type * as tf from '@tensorflow/tfjs-core';
import { add, toFloat32 } from '../../tf/bfloat16.ts';
import { subsampleByTwo } from '../../tf/pooling.ts';
import { upsampleNearestByTwo } from '../../tf/resize.ts';
import type { FpnConfig } from '../config/config.ts';
import { convLayer, type ForwardPass } from './layers.ts';
import type { BottomUpMaps } from './resnet.ts';

/** p2 to p6, strides 4 to 64. */
export type Pyramid = readonly [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];

/** Feature pyramid: lateral 1x1 convolutions summed top-down, then 3x3 convolutions; p6 is every second cell of p5. */
export function featurePyramid(pass: ForwardPass, { norm }: FpnConfig, maps: BottomUpMaps): Pyramid {
  const inputs = [maps.res2, maps.res3, maps.res4, maps.res5];
  const outputs: tf.Tensor4D[] = [];
  let topDown: tf.Tensor4D | undefined;
  for (let level = 5; level >= 2; level -= 1) {
    const shared = { norm, stride: 1, activation: 'linear' } as const;
    const lateral = convLayer(
      pass,
      { ...shared, name: `backbone.fpn_lateral${level}`, padding: 0 },
      inputs[level - 2]!,
    );
    topDown = topDown === undefined ? lateral : add(lateral, upsampleNearestByTwo(topDown));
    outputs.unshift(convLayer(pass, { ...shared, name: `backbone.fpn_output${level}`, padding: 1 }, topDown));
  }
  return [...outputs, subsampleByTwo(toFloat32(outputs[3]!))] as unknown as Pyramid;
}
