import * as tf from '@tensorflow/tfjs-core';
import { softmaxCrossEntropySum } from '../../tf/loss-terms.ts';
import { resizeBilinear } from '../../tf/resize.ts';
import type { SemanticHeadConfig } from '../config/config.ts';
import { semanticStride } from '../network/semantic-head.ts';
import type { TrainSample } from './train-sample.ts';

/** Cross entropy of the upsampled semantic logits, averaged over labelled pixels and weighted. */
export function semanticLoss(
  logits: tf.Tensor4D,
  samples: readonly TrainSample[],
  config: SemanticHeadConfig,
): tf.Scalar {
  const [batch, gridH, gridW, classes] = logits.shape;
  const height = gridH * semanticStride;
  const width = gridW * semanticStride;
  const labels = new Int32Array(batch * height * width);
  const weights = new Float32Array(labels.length);
  let counted = 0;
  for (const [b, { image, semantic }] of samples.entries()) {
    for (let y = 0; y < image.height; y += 1) {
      for (let x = 0; x < image.width; x += 1) {
        const label = semantic![y * image.width + x]!;
        if (label === config.ignoreLabel) continue;
        const index = (b * height + y) * width + x;
        labels[index] = label;
        weights[index] = 1;
        counted += 1;
      }
    }
  }
  const upsampled = tf.reshape(resizeBilinear(logits, height, width), [labels.length, classes]) as tf.Tensor2D;
  return tf.mul(softmaxCrossEntropySum(upsampled, labels, weights), config.lossWeight / Math.max(counted, 1));
}
