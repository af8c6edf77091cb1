import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertLength, deriveSeed, SeededRng } from '@u2seg/core';
import { normalizeChannels } from './normalize-channels.ts';
import { clusterProbabilities, expectedSimilarityLoss } from './scalar-losses.ts';

export interface ClusterProbeLoss {
  readonly loss: tf.Scalar;
  /** [M, K] cosines, in [-1, 1]. */
  readonly similarities: tf.Tensor2D;
}

/**
 * K learned directions; a code belongs to the one it agrees with most (cosine). Trained on detached codes beside the
 * head; STEGO's `ClusterLookup`.
 */
export class ClusterProbe {
  readonly codeDim: number;
  readonly clusters: number;
  /** [K, C], not normalized. */
  readonly directions: tf.Variable<tf.Rank.R2>;

  /** Directions start standard normal. */
  constructor(codeDim: number, clusters: number, seed = 0) {
    assertInteger('ClusterProbe: clusters', clusters, 1);
    this.codeDim = codeDim;
    this.clusters = clusters;
    const rng = new SeededRng(deriveSeed(seed, 'stego cluster probe'));
    const values = Float32Array.from({ length: clusters * codeDim }, () => rng.normal());
    this.directions = tf.tidy(() => tf.variable(tf.tensor2d(values, [clusters, codeDim])));
  }

  /** [M, C] -> [M, K] cosine of every code with every direction, in [-1, 1]. */
  similarities(codes: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(
      normalizeChannels(codes),
      normalizeChannels(this.directions as tf.Tensor2D),
      false,
      true,
    ) as tf.Tensor2D;
  }

  /**
   * Mean of minus the similarity, weighted by the probability of each cluster.
   *
   * @param codes - [M, C], usually detached
   * @param alpha - sharpness of the softmax; without it the nearest cluster takes all
   */
  loss(codes: tf.Tensor2D, alpha?: number): ClusterProbeLoss {
    const similarities = this.similarities(codes);
    const loss = expectedSimilarityLoss(similarities, alpha);
    return { loss, similarities };
  }

  /** [M, C] -> [M, K]: one-hot of the nearest cluster, or the softmax at sharpness `alpha`. */
  probabilities(codes: tf.Tensor2D, alpha?: number): tf.Tensor2D {
    return clusterProbabilities(this.similarities(codes), alpha);
  }

  /** [M, C] -> [M, K] log of the softmax at sharpness `alpha`: what the CRF takes as its unary. */
  logProbabilities(codes: tf.Tensor2D, alpha: number): tf.Tensor2D {
    return tf.logSoftmax(tf.mul(this.similarities(codes), alpha)) as tf.Tensor2D;
  }

  /** @throws U2SegError `shape-mismatch` if `values` is not [K, C] */
  assign(values: Float32Array): void {
    assertLength('ClusterProbe.assign: values', values.length, [this.clusters, this.codeDim]);
    tf.tidy(() => this.directions.assign(tf.tensor2d(values, [this.clusters, this.codeDim])));
  }

  dispose(): void {
    this.directions.dispose();
  }
}
