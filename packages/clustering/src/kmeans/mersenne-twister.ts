/**
 * MT19937, the generator behind `std::mt19937`, `numpy.random.RandomState` and torch's CPU generator; here only to
 * repeat what faiss and torch draw from a given seed.
 */
export class MersenneTwister {
  readonly #state: Uint32Array = new Uint32Array(624);
  #at = 624;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed >>> 0;
    for (let i = 1; i < 624; i += 1) {
      const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
      state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** Uniform 32-bit integer. */
  nextUint32(): number {
    if (this.#at === 624) this.#refill();
    let y = this.#state[this.#at]!;
    this.#at += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i += 1) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
      state[i] = state[(i + 397) % 624]! ^ (y >>> 1) ^ ((y & 1) === 0 ? 0 : 0x9908b0df);
    }
    this.#at = 0;
  }
}

/**
 * `torch.manual_seed(seed); torch.randperm(n)` on the CPU: a forward Fisher-Yates on 32-bit draws.
 *
 * @param n - below 2^32 / 20, where torch draws 32 bits a step
 */
export function torchRandomPermutation(n: number, seed: number): Int32Array {
  const generator = new MersenneTwister(seed);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i += 1) {
    const j = i + (generator.nextUint32() % (n - i));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}
