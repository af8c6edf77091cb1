import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import type { ModelBuffer } from './model-parameters.ts';

/** Takes the statistics of one layer in one batch: mean and unbiased variance, [C] each, over `count` values a channel. */
export type ReportStatistics = (
  layer: string,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  count: number,
) => void;

/** Sums over all values of a layer seen so far. */
interface LayerSums {
  count: number;
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

/**
 * Replaces the running statistics of batch normalization by mean and variance of all values that `batches` batches give under the
 * final weights, as if they were one batch (fvcore's PreciseBN, as detectron2 runs it before an evaluation; arXiv:2105.07576).
 *
 * @param buffers - running means and variances; a layer that reports nothing keeps its own
 * @param forward - one forward pass in training mode over batch `i`, which reports the statistics of its layers
 * @throws U2SegError `out-of-range` if there is no batch
 */
export async function preciseBatchNorm(
  buffers: readonly ModelBuffer[],
  batches: number,
  forward: (i: number, report: ReportStatistics) => Promise<void>,
): Promise<void> {
  if (batches < 1)
    throw new U2SegError('out-of-range', `preciseBatchNorm: batches must be at least 1, got ${batches}.`);
  const layers = new Map<string, LayerSums>();
  for (let i = 0; i < batches; i += 1) {
    await forward(i, (layer, mean, variance, count) => {
      const zeros = (): Float64Array => new Float64Array(mean.length);
      const sums = layers.get(layer) ?? { count: 0, sum: zeros(), squares: zeros() };
      layers.set(layer, sums);
      sums.count += count;
      for (let c = 0; c < mean.length; c += 1) {
        sums.sum[c]! += count * mean[c]!;
        sums.squares[c]! += count * mean[c]! ** 2 + (count - 1) * variance[c]!;
      }
    });
  }
  const values = new Map<string, Float32Array>();
  for (const [layer, { count, sum, squares }] of layers) {
    const mean = sum.map((value) => value / count);
    values.set(`${layer}.running_mean`, Float32Array.from(mean));
    values.set(
      `${layer}.running_var`,
      Float32Array.from(squares, (value, c) => Math.max(0, value / count - mean[c]! ** 2)),
    );
  }
  for (const { name, variable } of buffers) {
    const data = values.get(name);
    if (data !== undefined) tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
  }
}
