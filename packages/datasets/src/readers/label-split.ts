/** Parts of a data set: label-efficient splits and lists of images. */
import { assertInRange, deriveSeed, permutation, seededRng, U2SegError } from '@u2seg/core';
import { compareCodeUnits } from '../list-photos.ts';
import type { Dataset } from './dataset.ts';

/** Shares of the labels in the label-efficient experiments, in percent (U2Seg, Fig. 7; CutLER adds 60 and 80). */
export const labelPercentages: readonly number[] = [1, 2, 5, 10, 20, 30, 40, 50];

/** Seed CutLER names for its published files. */
export const labelSplitSeed = 42;

/**
 * Draws the images whose labels may be used.
 *
 * 1. sort the ids by code unit, so that the order of a file does not matter;
 * 2. permute them by the seed;
 * 3. take the first `round(n * percent / 100)`, at least one.
 *
 * A larger share contains every smaller one of the same seed. The splits of the papers were drawn by code that is not
 * published; their files (`1perc_instances_train2017.json` ...) open as data set `coco-semi`.
 *
 * @returns ids in code-unit order
 * @throws U2SegError `out-of-range` unless `percent` is in (0, 100]; `conflict` for an id that occurs twice
 */
export function drawLabelled(ids: readonly string[], percent: number, seed: number = labelSplitSeed): string[] {
  assertInRange('drawLabelled: percent', percent, Number.MIN_VALUE, 100);
  const sorted = [...ids].sort(compareCodeUnits);
  const repeated = sorted.find((id, i) => id === sorted[i + 1]);
  if (repeated !== undefined)
    throw new U2SegError('conflict', `drawLabelled: id ${JSON.stringify(repeated)} occurs twice.`);
  if (sorted.length === 0) return [];
  const order = permutation(sorted.length, seededRng(deriveSeed(seed, 'labelled')));
  const count = Math.max(1, Math.round((sorted.length * percent) / 100));
  return [...order.subarray(0, count)].map((i) => sorted[i]!).sort(compareCodeUnits);
}

/**
 * The same data set with some of its images, in its own order.
 *
 * @throws U2SegError `not-found` for an id the data set does not have
 */
export function selectImages(dataset: Dataset, ids: Iterable<string>): Dataset {
  const wanted = new Set(ids);
  const images = dataset.images.filter(({ id }) => wanted.has(id));
  if (images.length !== wanted.size) {
    const known = new Set(images.map(({ id }) => id));
    const absent = [...wanted].find((id) => !known.has(id));
    throw new U2SegError('not-found', `selectImages: ${dataset.name} has no image ${JSON.stringify(absent)}.`);
  }
  return { ...dataset, images, load: (image) => dataset.load(image) };
}
