import * as tf from '@tensorflow/tfjs-core';

interface Prepared {
  /** Data of the parameters it was made from; assigning to one replaces it. */
  readonly sources: readonly object[];
  readonly tensor: tf.Tensor;
}

/**
 * Weights as inference wants them (normalization folded in, rounded), kept from one image to the next and made anew when a
 * parameter they come from was assigned to.
 */
export class PreparedWeights {
  readonly #entries = new Map<string, Prepared>();

  /** @param make - its result belongs to this store */
  get<T extends tf.Tensor>(key: string, parameters: readonly tf.Variable[], make: () => T): T {
    const sources = parameters.map(({ dataId }) => dataId);
    const before = this.#entries.get(key);
    if (before !== undefined && before.sources.every((source, i) => source === sources[i])) return before.tensor as T;
    before?.tensor.dispose();
    const tensor = tf.keep(tf.tidy(make));
    this.#entries.set(key, { sources, tensor });
    return tensor;
  }

  dispose(): void {
    for (const { tensor } of this.#entries.values()) tensor.dispose();
    this.#entries.clear();
  }
}
