import { deriveSeed, permutation, seededRng } from '@u2seg/core';

/**
 * Order in which a training run visits its examples: every epoch a fresh permutation, epochs one after the other.
 *
 * It is a function of seed and position, so that a resumed run needs no stored state.
 */
export class DataOrder {
  readonly #length: number;
  readonly #seed: number;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);

  constructor(length: number, seed: number) {
    this.#length = length;
    this.#seed = seed;
  }

  /** Index of the example at `position` >= 0 of the endless sequence. */
  at(position: number): number {
    const epoch = Math.floor(position / this.#length);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.#length, seededRng(deriveSeed(this.#seed, 'order', epoch)));
      this.#epoch = epoch;
    }
    return this.#order[position % this.#length]!;
  }
}
