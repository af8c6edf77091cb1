import * as tf from '@tensorflow/tfjs-core';
import type { BatchStatistics } from '../../tf/batch-norm.ts';
import type { ParameterStore } from './parameter-store.ts';

/** Share of the newest batch in the running averages (torch's default momentum). */
const statisticsMomentum = 0.1;

/** Keeps the running means and variances of a network's batch normalizations. */
export class RunningStatistics {
  readonly #store: ParameterStore;

  constructor(store: ParameterStore) {
    this.#store = store;
  }

  /** Takes over the statistics of one layer; a layer met twice in one pass keeps the later ones. */
  collect(into: Map<string, BatchStatistics>, layer: string, statistics: BatchStatistics): void {
    const before = into.get(layer);
    before?.mean.dispose();
    before?.variance.dispose();
    into.set(layer, statistics);
  }

  /** running = 0.9 running + 0.1 batch, with the unbiased variance; counts the batch. */
  update(collected: ReadonlyMap<string, BatchStatistics>): void {
    for (const [layer, { mean, variance }] of collected) {
      this.#blend(`${layer}.running_mean`, mean);
      this.#blend(`${layer}.running_var`, variance);
      const counter = this.#store.get(`${layer}.num_batches_tracked`);
      const next = tf.tidy(() => tf.add(counter, tf.scalar(1, 'int32')));
      counter.assign(next);
      next.dispose();
    }
  }

  discard(collected: Map<string, BatchStatistics>): void {
    for (const { mean, variance } of collected.values()) {
      mean.dispose();
      variance.dispose();
    }
    collected.clear();
  }

  #blend(name: string, batch: tf.Tensor): void {
    const running = this.#store.get(name);
    const next = tf.tidy(() => tf.add(tf.mul(running, 1 - statisticsMomentum), tf.mul(batch, statisticsMomentum)));
    running.assign(next);
    next.dispose();
  }
}
