// Losses with their gradients written out: the elementary kernels they would compose (mean, softmax, clip) have no
// registered gradient on the wasm and cpu backends, and one fused step is cheaper everywhere.
import * as tf from '@tensorflow/tfjs-core';

/** Mean of all elements. */
export function meanOf(x: tf.Tensor): tf.Scalar {
  return tf.div(tf.sum(x), x.size) as tf.Scalar;
}

/** Identity without a gradient. */
export function detach<T extends tf.Tensor>(x: T): T {
  const operation = tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }));
  return operation(x) as T;
}

/**
 * `-clamp(correlation) * weight`, elementwise; inside the limits (both included) the gradient passes.
 *
 * @param weight - a constant
 */
export function clampedProduct(correlation: tf.Tensor, weight: tf.Tensor, minimum: number, maximum: number): tf.Tensor {
  const operation = tf.customGrad((input, save) => {
    const x = input as tf.Tensor;
    (save as tf.GradSaveFunc)([x, weight]);
    return {
      value: tf.neg(tf.mul(tf.clipByValue(x, minimum, maximum), weight)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => {
          const [c, w] = saved as [tf.Tensor, tf.Tensor];
          const inside = tf.logicalAnd(tf.greaterEqual(c, minimum), tf.lessEqual(c, maximum));
          return tf.neg(tf.mul(tf.mul(dy, w), tf.cast(inside, 'float32')));
        }),
    };
  });
  return operation(correlation);
}

/** `-mean over rows of sum_k p_k s_k`, with `p` the one-hot maximum of `s` [M, K] or its softmax at `alpha`. */
export function expectedSimilarityLoss(similarities: tf.Tensor2D, alpha: number | undefined): tf.Scalar {
  const operation = tf.customGrad((input, save) => {
    const s = input as tf.Tensor2D;
    const p = clusterProbabilities(s, alpha);
    (save as tf.GradSaveFunc)([s, p]);
    return {
      value: tf.neg(tf.div(tf.sum(tf.mul(p, s)), s.shape[0])),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => {
          const [similarity, probability] = saved as [tf.Tensor2D, tf.Tensor2D];
          let gradient: tf.Tensor = probability;
          if (alpha !== undefined) {
            const expected = tf.sum(tf.mul(probability, similarity), 1, true);
            const slope = tf.mul(tf.mul(probability, tf.sub(similarity, expected)), alpha);
            gradient = tf.add(probability, slope);
          }
          return tf.mul(gradient, tf.div(tf.neg(dy), similarity.shape[0]));
        }),
    };
  });
  return operation(similarities) as tf.Scalar;
}

/** [M, K] -> [M, K]: one-hot of the first maximum, or the softmax at sharpness `alpha`. */
export function clusterProbabilities(similarities: tf.Tensor2D, alpha: number | undefined): tf.Tensor2D {
  if (alpha !== undefined) return tf.softmax(tf.mul(similarities, alpha)) as tf.Tensor2D;
  const nearest = tf.argMax(similarities, 1) as tf.Tensor1D;
  return tf.cast(tf.oneHot(nearest, similarities.shape[1]), 'float32') as tf.Tensor2D;
}

/**
 * Mean cross entropy over the rows that count; 0 where none does.
 *
 * @param logits - [M, C]
 * @param targets - [M] in [0, C)
 * @param weights - [M] 1 for a row that counts, else 0
 */
export function crossEntropy(
  logits: tf.Tensor2D,
  targets: Int32Array,
  weights: Float32Array,
  counted: number,
): tf.Scalar {
  const scale = 1 / Math.max(1, counted);
  const operation = tf.customGrad((input, save) => {
    const x = input as tf.Tensor2D;
    const oneHot = tf.cast(tf.oneHot(tf.tensor1d(targets, 'int32'), x.shape[1]), 'float32');
    const rowWeights = tf.tensor2d(weights, [weights.length, 1]);
    const log = tf.logSoftmax(x);
    (save as tf.GradSaveFunc)([log, oneHot, rowWeights]);
    return {
      value: tf.mul(tf.sum(tf.mul(tf.mul(log, oneHot), rowWeights)), -scale),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => {
          const [logProbability, target, weight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
          return tf.mul(tf.mul(tf.sub(tf.exp(logProbability), target), weight), tf.mul(dy, scale));
        }),
    };
  });
  return operation(logits) as tf.Scalar;
}
