import { permutation, type SeededRng } from '@u2seg/core';

/** Balanced sample of labelled candidates. */
export interface LabelSample {
  readonly positives: Int32Array;
  readonly negatives: Int32Array;
}

/**
 * Draws at most `count` candidates, of them at most `floor(count * positiveRatio)` positive, each kind uniformly
 * without replacement; a lack of positives is filled with negatives.
 */
export function sampleLabels(
  positives: readonly number[],
  negatives: readonly number[],
  count: number,
  positiveRatio: number,
  rng: SeededRng,
): LabelSample {
  const numPositives = Math.min(positives.length, Math.floor(count * positiveRatio));
  const numNegatives = Math.min(negatives.length, count - numPositives);
  return { positives: draw(positives, numPositives, rng), negatives: draw(negatives, numNegatives, rng) };
}

function draw(from: readonly number[], count: number, rng: SeededRng): Int32Array {
  const order = permutation(from.length, rng.asFunction());
  return Int32Array.from(order.subarray(0, count), (i) => from[i]!);
}
