import { U2SegError } from './errors.ts';

/** Deterministic generator: uniform in [0, 1). The caller owns the state; nothing here reads `Math.random`. */
export type Rng = () => number;

/**
 * Generator whose state can be stored in a checkpoint and restored: mulberry32, 32 bits of state, 32 bits a draw.
 * Same seed, same bits, on every machine.
 */
export class SeededRng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** State to hand to {@link SeededRng.restore}; an unsigned 32-bit integer. */
  get state(): number {
    return this.#state;
  }

  static restore(state: number): SeededRng {
    return new SeededRng(state);
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Standard normal by Box-Muller; two draws a value, so the state stays a single integer. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** This generator as a plain function. */
  asFunction(): Rng {
    return () => this.next();
  }
}

/** A {@link SeededRng} as a plain function, for callers that do not checkpoint it. */
export function seededRng(seed: number): Rng {
  return new SeededRng(seed).asFunction();
}

/**
 * Seed of an independent stream, named by where it is used: `deriveSeed(seed, 'augment', epoch, imageId)`.
 *
 * FNV-1a over the UTF-8 of the parts, finished with murmur3's mixer; so work done in another order, or by another
 * worker, draws the same numbers.
 *
 * @returns unsigned 32-bit integer
 */
export function deriveSeed(seed: number, ...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode([seed, ...parts].join('\u0000'))) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Permutation of `[0, n)` by Fisher-Yates, last position first. */
export function permutation(n: number, rng: Rng): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i -= 1) {
    const j = Math.floor(rng() * (i + 1));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

/**
 * `count` distinct values of `[0, n)`, in the order drawn.
 *
 * @throws U2SegError `out-of-range` if `count > n`
 */
export function sampleWithoutReplacement(n: number, count: number, rng: Rng): Uint32Array {
  if (count > n) {
    throw new U2SegError('out-of-range', `sampleWithoutReplacement: count must be at most ${n}, got ${count}.`);
  }
  return permutation(n, rng).slice(0, count);
}
