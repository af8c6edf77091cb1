import { deriveSeed, SeededRng, U2SegError } from '@u2seg/core';
import { augment, type ImageResizer } from '../augment/augment.ts';
import { copyPasteRandom } from '../copy-paste/copy-paste-random.ts';
import { copyPaste } from '../copy-paste/copy-paste.ts';
import type { DataOrder } from '../data/data-order.ts';
import type { TrainingExample, TrainingSet } from '../data/training-set.ts';
import type { TrainPanopticOptions } from './train-recipe.ts';

/** What decides which photos a part of a batch holds and how they are changed. */
export type BatchOptions = Pick<
  TrainPanopticOptions,
  'batchSize' | 'seed' | 'microBatches' | 'augment' | 'resize' | 'copyPaste'
>;

/** Photos of one part of one step's batch, augmented; a function of seed, iteration and part. */
export async function loadBatch(
  data: TrainingSet,
  order: DataOrder,
  iteration: number,
  part: number,
  options: BatchOptions,
): Promise<{ readonly name: string; readonly example: TrainingExample }[]> {
  const { batchSize, seed, microBatches = 1 } = options;
  const first = Math.floor((part * batchSize) / microBatches);
  const end = Math.floor(((part + 1) * batchSize) / microBatches);
  const names: string[] = [];
  const examples: TrainingExample[] = [];
  for (let slot = first; slot < end; slot += 1) {
    const index = order.at(iteration * batchSize + slot);
    const example = await data.load(index);
    names.push(example.name ?? `example ${index}`);
    examples.push(await augmented(example, new SeededRng(deriveSeed(seed, 'augment', iteration, slot)), options));
  }
  const random = copyPasteRandom(new SeededRng(deriveSeed(seed, 'copy-paste', iteration, part)));
  const pasted = options.copyPaste === undefined ? examples : copyPaste(examples, random, options.copyPaste);
  return pasted.map((example, i) => ({ name: names[i]!, example }));
}

async function augmented(example: TrainingExample, rng: SeededRng, options: BatchOptions): Promise<TrainingExample> {
  if (options.augment === undefined) return example;
  const missing: ImageResizer = () => {
    throw new U2SegError('wrong-usage', 'trainPanoptic: augment changes sizes, so resize must be given.');
  };
  return augment(example, rng, options.resize ?? missing, options.augment);
}
