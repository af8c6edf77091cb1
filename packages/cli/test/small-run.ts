/** The smallest run in which every stage has something to do: a few scenes, a few steps, more than one partition. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSyntheticDataset } from '@u2seg/datasets';
import { expect } from 'vitest';
import { u2seg } from './run-cli.ts';

const settings = [
  'backbone.size=64',
  'clustering.k=3',
  'semantics.steps=120',
  'semantics.clusters=5',
  'semantics.batchSize=4',
  'semantics.maxSide=64',
  'train.iterations=4',
  'train.batchSize=2',
  'train.checkpointEvery=2',
  'train.shortestEdge=64',
  'train.maxSize=96',
  'predict.scales=[1]',
  'predict.shortestEdge=64',
  'predict.maxSize=96',
  'contours.iterations=4',
  'contours.batchSize=2',
  'contours.size=64',
  'contours.checkpointEvery=2',
  'rounds.count=1',
  'rounds.iterations=2',
];

/** Arguments of `u2seg fit` on scenes written to `folder`, all but `--out`. */
export async function smallRun(folder: string): Promise<readonly string[]> {
  const { imageFolder, panopticJson } = await writeSyntheticDataset(join(folder, 'scenes'), {
    count: 18,
    seed: 5,
    height: 64,
    width: 96,
  });
  const flags = settings.flatMap((setting) => ['--set', setting]);
  return ['fit', imageFolder, '--gt', panopticJson, '--json', '--workers', '1', ...flags];
}

/** Runs it to its end. @returns its summary.json */
export async function summaryOf(args: readonly string[], out: string): Promise<string> {
  const { code, stderr } = await u2seg([...args, '--out', out]);
  expect(code, stderr).toBe(0);
  return readFile(join(out, 'summary.json'), 'utf8');
}
