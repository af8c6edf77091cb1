import type * as tf from '@tensorflow/tfjs-core';
import { addRelu } from '../../tf/activation.ts';
import { stemMaxPool } from '../../tf/pooling.ts';
import { stageNorm, type NormKind, type ResnetConfig } from '../config/config.ts';
import { convLayer, type ForwardPass } from './layers.ts';

/** Maps of a bottom-up network, strides 4, 8, 16 and 32. */
export interface BottomUpMaps {
  /** After the stem's pooling, stride 4. */
  readonly stem: tf.Tensor4D;
  readonly res2: tf.Tensor4D;
  readonly res3: tf.Tensor4D;
  readonly res4: tf.Tensor4D;
  readonly res5: tf.Tensor4D;
}

const prefix = 'backbone.bottom_up';

/** ResNet of bottleneck blocks with the stride in the 3x3 convolution: [B, H, W, 3] -> res2 to res5. */
export function resnet(pass: ForwardPass, config: ResnetConfig, images: tf.Tensor4D): BottomUpMaps {
  const geometry = { stride: 2, padding: 3, constantInput: true, result: 'float32' } as const;
  const stemLayer = { ...geometry, name: `${prefix}.stem.conv1`, activation: 'relu' } as const;
  const stem = stemMaxPool(convLayer(pass, { ...stemLayer, norm: stageNorm(config, 1) }, images));
  const maps: tf.Tensor4D[] = [];
  let x = stem;
  for (const [index, blocks] of config.blocks.entries()) {
    const norm = stageNorm(config, index + 2);
    for (let block = 0; block < blocks; block += 1) {
      const stride = block === 0 && index > 0 ? 2 : 1;
      x = bottleneck(pass, norm, `${prefix}.res${index + 2}.${block}`, x, stride);
    }
    maps.push(x);
  }
  const [res2, res3, res4, res5] = maps as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  return { stem, res2, res3, res4, res5 };
}

function bottleneck(pass: ForwardPass, norm: NormKind, name: string, x: tf.Tensor4D, stride: number): tf.Tensor4D {
  const plain = { norm, stride: 1, padding: 0 } as const;
  const projected = pass.parameters.specs.has(`${name}.shortcut.weight`);
  const shortcut = projected
    ? convLayer(pass, { ...plain, name: `${name}.shortcut`, stride, activation: 'linear' }, x)
    : x;
  let y = convLayer(pass, { ...plain, name: `${name}.conv1`, activation: 'relu' }, x);
  y = convLayer(pass, { norm, name: `${name}.conv2`, stride, padding: 1, activation: 'relu' }, y);
  y = convLayer(pass, { ...plain, name: `${name}.conv3`, activation: 'linear' }, y);
  return addRelu(y, shortcut);
}
