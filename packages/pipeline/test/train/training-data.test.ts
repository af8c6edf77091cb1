import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fitFolder, type FitResult } from '@u2seg/pipeline';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { pipelinePresets } from '../../src/config/presets.ts';
import { LabelledPhotos } from '../../src/train/training-data.ts';
import { labelsOnly, scenesIn } from '../small-run.ts';

let root: string;
let run: FitResult;
beforeAll(async () => {
  const scenes = await scenesIn('training-data', 18);
  root = scenes.root;
  run = await fitFolder({
    photos: scenes.imageFolder,
    out: join(root, 'run'),
    config: labelsOnly,
    until: 'merge',
    workers: 1,
  });
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('reads the labels of a partition once, whatever the order of the examples and however little memory they may take', async () => {
  const { instances, labels, index } = run;
  if (instances === undefined || labels === undefined) throw new Error('the run has no labels');
  const { tiny } = pipelinePresets;
  const config = { ...tiny, train: { ...tiny.train, shortestEdge: 0 } };
  const reads = [vi.spyOn(instances.instances, 'read'), vi.spyOn(labels.segments, 'read')];
  const own = { classAgnostic: false, maxBytes: 0 };
  const photos = new LabelledPhotos({ index, config }, { instances, labels }, own);
  expect(photos.length).toBe(18);
  const order = [0, 17, 3, 16, 1, 17, 0];
  const examples = await Promise.all(order.map((i) => photos.load(i)));
  expect(reads.map((read) => read.mock.calls.length)).toEqual([2, 2]);
  expect(examples.map(({ name }) => name)).toEqual(order.map((i) => index.photos[i]!.image_id));
  // Nothing of an example is kept, and both times it is the same.
  expect(examples[0]).toEqual(examples[6]);
});
