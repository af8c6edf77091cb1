import * as tf from '@tensorflow/tfjs-core';
import { assertLength, deriveSeed, SeededRng } from '@u2seg/core';
import { resizeBilinear } from '../tf/resize.ts';
import { crossEntropy } from './scalar-losses.ts';

/**
 * A 1x1 convolution from code to classes, trained on labels: how much of the classes the code holds. For evaluation
 * only, no label reaches the head.
 */
export class LinearProbe {
  readonly codeDim: number;
  readonly classes: number;
  /** [C, classes] */
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1>;

  constructor(codeDim: number, classes: number, seed = 0) {
    this.codeDim = codeDim;
    this.classes = classes;
    const rng = new SeededRng(deriveSeed(seed, 'stego linear probe'));
    const bound = 1 / Math.sqrt(codeDim);
    const draw = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => (rng.next() * 2 - 1) * bound);
    this.weight = tf.tidy(() => tf.variable(tf.tensor2d(draw(codeDim * classes), [codeDim, classes])));
    this.bias = tf.tidy(() => tf.variable(tf.tensor1d(draw(classes))));
  }

  /** [B, h, w, C] -> [B, h, w, classes] */
  logits(code: tf.Tensor4D): tf.Tensor4D {
    const [batch, height, width, channels] = code.shape;
    const flat = tf.reshape(code, [batch * height * width, channels]) as tf.Tensor2D;
    return tf.reshape(tf.add(tf.matMul(flat, this.weight), this.bias), [batch, height, width, this.classes]);
  }

  /**
   * Cross entropy of the logits, upsampled bilinearly to the labels, averaged over the labelled pixels; 0 where there
   * is none.
   *
   * @param code - [B, h, w, C], usually detached
   * @param labels - [B, H, W] in [0, classes); other values are ignored
   */
  loss(code: tf.Tensor4D, labels: Int32Array, height: number, width: number): tf.Scalar {
    const batch = code.shape[0];
    assertLength('LinearProbe.loss: labels', labels.length, [batch, height, width]);
    let counted = 0;
    const weights = Float32Array.from(labels, (label) => {
      const valid = label >= 0 && label < this.classes;
      if (valid) counted += 1;
      return valid ? 1 : 0;
    });
    const targets = Int32Array.from(labels, (label, i) => (weights[i] === 1 ? label : 0));
    const logits = resizeBilinear(this.logits(code), height, width);
    return crossEntropy(tf.reshape(logits, [labels.length, this.classes]) as tf.Tensor2D, targets, weights, counted);
  }

  /** Takes torch's layout: weight [classes, C, 1, 1], bias [classes]. */
  assign(weight: Float32Array, bias: Float32Array): void {
    assertLength('LinearProbe.assign: weight', weight.length, [this.classes, this.codeDim]);
    assertLength('LinearProbe.assign: bias', bias.length, [this.classes]);
    tf.tidy(() => {
      this.weight.assign(tf.transpose(tf.tensor2d(weight, [this.classes, this.codeDim])) as tf.Tensor2D);
      this.bias.assign(tf.tensor1d(bias));
    });
  }

  dispose(): void {
    this.weight.dispose();
    this.bias.dispose();
  }
}
