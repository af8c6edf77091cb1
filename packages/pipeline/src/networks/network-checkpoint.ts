/** The tensors of a network in a checkpoint of ours, detectron2, U2Seg, CutLER, CUPS or DINO. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { U2SegError } from '@u2seg/core';
import type { CheckpointTensor } from '@u2seg/heads';
import { readSafetensors, readTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';

/** Where training code keeps the network: detectron2, Lightning (CUPS), DINO's own training, of which the teacher is published. */
const wrappers: readonly string[] = ['model.', 'state_dict.', 'teacher.'];

/**
 * Reads a checkpoint's network: what lies under the first known wrapper, else everything.
 *
 * @returns tensors in torch's layout, without the wrapper's prefix
 * @throws U2SegError `not-found` if the file cannot be read, `bad-format` as the readers do
 */
export async function readNetworkCheckpoint(path: string): Promise<ReadonlyMap<string, CheckpointTensor>> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new U2SegError('not-found', `${path}: the checkpoint cannot be read: ${reason}.`, { cause });
  });
  const read = extname(path) === '.safetensors' ? readSafetensors : readTorchCheckpoint;
  return unwrapped(read(new Uint8Array(bytes), path).tensors);
}

function unwrapped(tensors: readonly NamedTensor[]): ReadonlyMap<string, CheckpointTensor> {
  for (const prefix of wrappers) {
    const inner = tensors.filter(({ name }) => name.startsWith(prefix));
    if (inner.length > 0) return new Map(inner.map((tensor) => [tensor.name.slice(prefix.length), tensor]));
  }
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
