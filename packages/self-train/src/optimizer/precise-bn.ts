import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import type { ModelBuffer } from './model-parameters.ts';

/**
 * Replaces the running statistics of batch normalization by the mean of the statistics of `batches` batches under the final
 * weights (fvcore's PreciseBN, as detectron2 runs it before an evaluation).
 *
 * @param buffers - running means and variances
 * @param momentum - share of a batch in the running averages, 0.1 in detectron2
 * @param forward - one forward pass in training mode over batch `i`, which updates the buffers
 * @throws U2SegError `out-of-range` if there is no batch
 */
export async function preciseBatchNorm(
  buffers: readonly ModelBuffer[],
  momentum: number,
  batches: number,
  forward: (i: number) => Promise<void>,
): Promise<void> {
  if (batches < 1)
    throw new U2SegError('out-of-range', `preciseBatchNorm: batches must be at least 1, got ${batches}.`);
  const means = buffers.map(({ variable }) => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)));
  try {
    for (let i = 0; i < batches; i += 1) {
      // From zero, an update leaves momentum times the batch's own statistics.
      for (const { variable } of buffers) tf.tidy(() => variable.assign(tf.zeros(variable.shape)));
      await forward(i);
      buffers.forEach(({ variable }, k) => {
        tf.tidy(() => {
          const mean = means[k]!;
          mean.assign(tf.add(mean, tf.div(tf.sub(tf.div(variable, momentum), mean), i + 1)));
        });
      });
    }
    buffers.forEach(({ variable }, k) => tf.tidy(() => variable.assign(means[k]!.clone())));
  } finally {
    for (const mean of means) mean.dispose();
  }
}
