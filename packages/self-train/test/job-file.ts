import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingExample, TrainPanopticOptions } from '@u2seg/self-train';
import { smallestConfig } from './synthetic-examples.ts';

/** Writes what `train-in-child.mjs` trains: `folder/job.json`, the run in `folder/run`. */
export async function writeJob(
  folder: string,
  recipe: TrainPanopticOptions,
  examples: readonly TrainingExample[],
  more: { readonly mpi?: boolean; readonly poisonedRank?: number } = {},
): Promise<string> {
  const path = join(folder, 'job.json');
  const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');
  const plain = examples.map(({ image, instances, semantic, name }) => ({
    name,
    image: { ...image, data: base64(image.data) },
    semantic: base64(semantic!),
    instances: instances.map((one) => ({ ...one, mask: { ...one.mask, counts: [...one.mask.counts] } })),
  }));
  const job = { config: smallestConfig(), recipe, examples: plain, folder: join(folder, 'run'), ...more };
  await writeFile(path, JSON.stringify(job));
  return path;
}
