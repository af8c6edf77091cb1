/** A folder of photos with COCO annotations, as the trainer and the scorer take it. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { SeededRng, U2SegError, type RgbImage } from '@u2seg/core';
import { decodeImage, openCocoInstances, openCocoPanoptic, type Dataset, type DatasetImage } from '@u2seg/datasets';
import {
  annotatedExample,
  augment,
  type AnnotatedClasses,
  type TrainingExample,
  type TrainingSet,
} from '@u2seg/self-train';
import { resizePhoto } from '../photos/resize-photo.ts';

/**
 * Opens COCO instances or panoptic JSON, whichever it is; panoptic PNGs lie in the folder named like the JSON beside it.
 *
 * @throws U2SegError `not-found`, `bad-format` naming file, record and field
 */
export async function openAnnotated(photos: string, gt: string): Promise<Dataset> {
  const text = await readFile(gt, 'utf8').catch((cause: unknown) => {
    throw new U2SegError('not-found', `${gt}: cannot be read: ${cause instanceof Error ? cause.message : ''}.`, {
      cause,
    });
  });
  const common = { name: basename(gt), split: 'all', annotations: gt, imageFolder: photos };
  return /"segments_info"/u.test(text)
    ? openCocoPanoptic({ ...common, panopticFolder: join(dirname(gt), basename(gt, extname(gt))) })
    : openCocoInstances(common);
}

/** Categories in the order of the network's classes. */
export function classesOf(dataset: Dataset): AnnotatedClasses {
  const ids = (isThing: boolean): number[] =>
    dataset.categories.filter((category) => category.isThing === isThing).map(({ id }) => id);
  return { things: ids(true), stuff: ids(false) };
}

/** Examples of a data set, resized once where a length is given, and then kept. */
export class AnnotatedPhotos implements TrainingSet {
  readonly length: number;
  readonly #dataset: Dataset;
  readonly #classes: AnnotatedClasses;
  readonly #size: { readonly shortestEdge: number; readonly maxSize: number };
  readonly #kept = new Map<number, TrainingExample>();

  constructor(
    dataset: Dataset,
    classes: AnnotatedClasses,
    size: { readonly shortestEdge: number; readonly maxSize: number },
  ) {
    this.length = dataset.images.length;
    this.#dataset = dataset;
    this.#classes = classes;
    this.#size = size;
  }

  async load(i: number): Promise<TrainingExample> {
    const kept = this.#kept.get(i);
    if (kept !== undefined) return kept;
    const listed = this.#dataset.images[i]!;
    const { segments } = await this.#dataset.load(listed);
    const whole = annotatedExample(await photoOf(listed), segments, this.#classes, listed.id);
    const { shortestEdge, maxSize } = this.#size;
    if (shortestEdge === 0) return whole;
    const example = await augment(whole, new SeededRng(0), resizePhoto, {
      flip: 0,
      shortestEdge: [shortestEdge],
      maxSize,
    });
    this.#kept.set(i, example);
    return example;
  }
}

export function photoOf({ path }: DatasetImage): Promise<RgbImage> {
  return decodeImage(path);
}
