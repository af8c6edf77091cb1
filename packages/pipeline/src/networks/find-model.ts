import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readJsonFile } from '@u2seg/interchange';
import { z } from 'zod';
import { stageFolder } from '../run/run-stage.ts';
import { modelPath } from './model-file.ts';
import { splitWeightsPath } from './network-checkpoint.ts';

/** The model of a run is the one of its last training; a file, and `<file>#<part>` of a checkpoint, is itself. */
export async function findModel(path: string): Promise<string> {
  const { file, part } = await splitWeightsPath(path);
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || (part !== undefined && !info.isFile()))
    throw new U2SegError('not-found', `${path}: there is no such model or run.`);
  if (info.isFile()) return path;
  for (const stage of ['rounds', 'train']) {
    const record = await readJsonFile(join(path, 'stages', stage, 'stage.json'), z.object({ inputsHash: z.string() }));
    if (record !== undefined) return modelPath(stageFolder(path, stage, record.inputsHash));
  }
  throw new U2SegError('not-found', `${path}: wanted a run whose training is finished (u2seg fit), found none.`);
}
