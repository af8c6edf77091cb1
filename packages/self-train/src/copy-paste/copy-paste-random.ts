import { sampleWithoutReplacement, type SeededRng } from '@u2seg/core';

/** The five draws of copy-paste, in the order they are made for a target. */
export interface CopyPasteRandom {
  /** Uniform in [0, 1): pasted when `rate >= gate()`. */
  gate(): number;
  /** How many of `n >= 2` instances: an integer in [1, n), never all of them, as in CutLER. */
  count(n: number): number;
  /** `count` distinct positions of `[0, n)`. */
  choose(n: number, count: number): readonly number[];
  /** Size of the pasted photo as a share of the target's, uniform in [min, max]. */
  ratio(min: number, max: number): number;
  /** Offset in pixels, an integer in [0, max]; the horizontal one is drawn first. */
  shift(max: number): number;
}

/** Draws from a checkpointable generator. */
export function copyPasteRandom(rng: SeededRng): CopyPasteRandom {
  return {
    gate: () => rng.next(),
    count: (n) => 1 + rng.integer(n - 1),
    choose: (n, count) => [...sampleWithoutReplacement(n, count, rng.asFunction())],
    ratio: (min, max) => min + (max - min) * rng.next(),
    shift: (max) => rng.integer(max + 1),
  };
}
