import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@u2seg/interchange';

const format = 'u2seg-trainer/1';
const fileName = /^checkpoint-(\d+)\.safetensors$/u;

/** State of a training run by tensor name; everything else follows from the seed and the iteration. */
export interface TrainerState {
  /** Optimizer steps finished. */
  readonly iteration: number;
  /** Model, optimizer and average, under prefixes of their own. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** What the run was started with; a run that was started otherwise cannot continue it. */
  readonly fingerprint: string;
}

/**
 * Writes a checkpoint so that it either is there whole or not at all, then removes all but the newest `keep`.
 *
 * @throws U2SegError `not-converged` if a value is not finite; the earlier checkpoints stay
 */
export async function writeCheckpoint(folder: string, state: TrainerState, keep: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const tensors: NamedTensor[] = [];
  for (const [name, variable] of state.variables) {
    const data = (await variable.data()) as Float32Array | Int32Array;
    if (!data.every(Number.isFinite)) {
      throw new U2SegError(
        'not-converged',
        `trainPanoptic: ${name} is not finite after iteration ${state.iteration}; no checkpoint was written for it.`,
      );
    }
    tensors.push({ name, dtype: variable.dtype === 'int32' ? 'int32' : 'float32', shape: variable.shape, data });
  }
  const path = join(folder, `checkpoint-${String(state.iteration).padStart(8, '0')}.safetensors`);
  const metadata = { format, iteration: String(state.iteration), fingerprint: state.fingerprint };
  await writeFileAtomic(path, writeSafetensors(tensors, metadata));
  for (const old of (await listCheckpoints(folder)).slice(keep)) await rm(old.path, { force: true });
  return path;
}

/** Checkpoints in a folder, newest first; none without a folder. */
export async function listCheckpoints(
  folder: string,
): Promise<{ readonly iteration: number; readonly path: string }[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
  return names
    .flatMap((name) => {
      const match = fileName.exec(name);
      return match === null ? [] : [{ iteration: Number(match[1]), path: join(folder, name) }];
    })
    .sort((a, b) => b.iteration - a.iteration);
}

/**
 * Puts a checkpoint's values into `variables`.
 *
 * @returns the iterations it had finished
 * @throws U2SegError `conflict` if it was made by a run with other settings
 * @throws U2SegError `bad-format` if it is no checkpoint of this trainer or tensors are missing or shaped otherwise
 */
export async function readCheckpoint(
  path: string,
  variables: ReadonlyMap<string, tf.Variable>,
  fingerprint: string,
): Promise<number> {
  const { tensors, metadata } = readSafetensors(await readFile(path), path);
  if (metadata.get('format') !== format) {
    throw new U2SegError(
      'bad-format',
      `${path}: wanted a checkpoint of format ${format}, got ${metadata.get('format')}.`,
    );
  }
  if (metadata.get('fingerprint') !== fingerprint) {
    throw new U2SegError(
      'conflict',
      `${path}: was made with other settings and cannot be continued: ${firstDifference(metadata.get('fingerprint') ?? '', fingerprint)}`,
    );
  }
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const [name, variable] of variables) {
    const tensor = byName.get(name);
    if (tensor === undefined || tensor.shape.join() !== variable.shape.join()) {
      const got = tensor === undefined ? 'nothing' : `[${tensor.shape.join(', ')}]`;
      throw new U2SegError('bad-format', `${path}: ${name} must be [${variable.shape.join(', ')}], got ${got}.`);
    }
    const value = tf.tensor(tensor.data as Float32Array, variable.shape, variable.dtype as 'float32' | 'int32');
    variable.assign(value);
    value.dispose();
  }
  return Number(metadata.get('iteration'));
}

function firstDifference(stored: string, wanted: string): string {
  let at = 0;
  while (at < stored.length && stored[at] === wanted[at]) at += 1;
  const from = Math.max(0, at - 30);
  return `it has ...${stored.slice(from, at + 40)}..., this run wants ...${wanted.slice(from, at + 40)}...`;
}
