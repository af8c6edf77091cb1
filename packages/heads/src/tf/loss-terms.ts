import * as tf from '@tensorflow/tfjs-core';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/**
 * Weighted sum of softmax cross entropies: sum_i weights[i] * -log softmax(logits[i])[labels[i]].
 *
 * A row with weight 0 contributes nothing, whatever its label (which must still be in [0, C)).
 *
 * [N, C] -> scalar
 */
export function softmaxCrossEntropySum(logits: tf.Tensor2D, labels: Int32Array, weights: Float32Array): tf.Scalar {
  const [rows, classes] = logits.shape;
  if (rows === 0) return tf.scalar(0);
  const kernels = tensorflowKernels();
  const operation = tf.customGrad((input, save) => {
    const x = input as tf.Tensor2D;
    const target = tf.tensor1d(labels, 'int32');
    const weight = tf.tensor1d(weights);
    let losses: tf.Tensor;
    let gradient: tf.Tensor;
    if (kernels === undefined) {
      const oneHot = tf.oneHot(target, classes);
      const shifted = tf.sub(x, tf.max(x, 1, true));
      const logSum = tf.log(tf.sum(tf.exp(shifted), 1, true));
      const logProbabilities = tf.sub(shifted, logSum);
      losses = tf.neg(tf.sum(tf.mul(logProbabilities, oneHot), 1));
      gradient = tf.sub(tf.exp(logProbabilities), oneHot);
    } else {
      [losses, gradient] = kernels.runMany(
        'SparseSoftmaxCrossEntropyWithLogits',
        [x, target],
        { types: { T: 'float32', Tlabels: 'int32' } },
        2,
      ) as [tf.Tensor, tf.Tensor];
    }
    (save as tf.GradSaveFunc)([gradient, weight]);
    return {
      value: tf.sum(tf.mul(losses, weight)),
      gradFunc: (dy: tf.Tensor, [g, w]: tf.Tensor[]) =>
        tf.tidy(() => tf.mul(g!, tf.reshape(tf.mul(w!, dy), [rows, 1]))),
    };
  });
  return operation(logits) as tf.Scalar;
}

/** Sum of binary cross entropies of logits against targets in [0, 1]; any one shape -> scalar. */
export function sigmoidCrossEntropySum(logits: tf.Tensor, targets: Float32Array): tf.Scalar {
  const operation = tf.customGrad((input, save) => {
    const x = input as tf.Tensor;
    const target = tf.tensor(targets, x.shape);
    // max(x, 0) - x z + log(1 + exp(-|x|)): never overflows
    const tail = tf.log1p(tf.exp(tf.neg(tf.abs(x))));
    const losses = tf.add(tf.sub(tf.relu(x), tf.mul(x, target)), tail);
    (save as tf.GradSaveFunc)([x, target]);
    return {
      value: tf.sum(losses),
      gradFunc: (dy: tf.Tensor, [sx, z]: tf.Tensor[]) => tf.tidy(() => tf.mul(tf.sub(tf.sigmoid(sx!), z!), dy)),
    };
  });
  return operation(logits) as tf.Scalar;
}

/**
 * Sum of smooth L1 distances: quadratic below `beta`, linear above; `beta = 0` is the plain L1 distance, whose gradient
 * at 0 is 0.
 */
export function smoothL1Sum(predicted: tf.Tensor, targets: Float32Array, beta = 0): tf.Scalar {
  const operation = tf.customGrad((input, save) => {
    const difference = tf.sub(input as tf.Tensor, tf.tensor(targets, predicted.shape));
    const distance = tf.abs(difference);
    const losses =
      beta === 0
        ? distance
        : tf.where(tf.less(distance, beta), tf.mul(tf.square(difference), 0.5 / beta), tf.sub(distance, 0.5 * beta));
    (save as tf.GradSaveFunc)([difference]);
    return {
      value: tf.sum(losses),
      gradFunc: (dy: tf.Tensor, [d]: tf.Tensor[]) =>
        tf.tidy(() => tf.mul(beta === 0 ? tf.sign(d!) : tf.clipByValue(tf.div(d!, beta), -1, 1), dy)),
    };
  });
  return operation(predicted) as tf.Scalar;
}
