/** A run on a few synthetic scenes, small enough for a test. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import type { PartialConfig } from '../src/config/config.ts';

/** Proposals, clusters and labels in seconds; no network. */
export const labelsOnly: PartialConfig = {
  backbone: { size: 64 },
  proposals: { method: 'maskcut', maxMasks: 2, acceptBroken: true },
  clustering: { k: 3 },
  semantics: { method: 'none', maxGrid: 8 },
  train: { iterations: 0 },
  report: { maxPhotos: 1 },
};

/** The same, with the smallest training of a network. */
export const smallNetwork: PartialConfig = {
  ...labelsOnly,
  train: { iterations: 2, batchSize: 1, shortestEdge: 64, maxSize: 96, checkpointEvery: 2 },
  contours: { iterations: 0 },
  predict: { scales: [1], shortestEdge: 64, maxSize: 96 },
};

/** A temporary folder with scenes in it. */
export async function scenesIn(name: string, count = 5): Promise<SyntheticDataset & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), `u2seg-${name}-`));
  const scenes = await writeSyntheticDataset(join(root, 'scenes'), { count, seed: 1, height: 48, width: 64 });
  return { root, ...scenes };
}
