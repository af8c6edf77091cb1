/** The tensors of a network in a checkpoint of ours, detectron2, U2Seg, CutLER, CUPS or DINO. */
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { U2SegError } from '@u2seg/core';
import type { CheckpointTensor } from '@u2seg/heads';
import { findNetwork, readSafetensors, readTorchCheckpoint, splitPart, type NamedTensor } from '@u2seg/interchange';

/** Where training code keeps a network without a stem: detectron2, Lightning (CUPS), DINO's own training. */
const wrappers: readonly string[] = ['model.', 'state_dict.', 'teacher.'];

/**
 * Reads a checkpoint's network, whatever a trainer wrapped it in; without one, what lies under the first known wrapper.
 *
 * @param path - `<file>`, or `<file>#<part>` for one of several networks in it
 * @returns tensors in torch's layout, without the wrapper's prefix
 * @throws U2SegError `not-found` if the file cannot be read, `conflict` if it holds several networks, `bad-format` as
 * the readers do
 */
export async function readNetworkCheckpoint(path: string): Promise<ReadonlyMap<string, CheckpointTensor>> {
  return (await openNetworkCheckpoint(path)).tensors;
}

/** A checkpoint's network, and a sentence about what of the file is not read; empty where all is. */
export async function openNetworkCheckpoint(
  path: string,
): Promise<{ readonly tensors: ReadonlyMap<string, CheckpointTensor>; readonly note: string }> {
  const { file, part } = await splitWeightsPath(path);
  const bytes = await readFile(file).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new U2SegError('not-found', `${file}: the checkpoint cannot be read: ${reason}.`, { cause });
  });
  const read = extname(file) === '.safetensors' ? readSafetensors : readTorchCheckpoint;
  const { tensors, unread } = read(new Uint8Array(bytes), file);
  const names = unread.map(({ name, dtype }) => `${name} (${dtype})`).join(', ');
  const note = unread.length === 0 ? '' : ` ${unread.length} tensors of types that are not read: ${names}.`;
  return { tensors: networkOf(file, tensors, part), note };
}

function networkOf(
  file: string,
  tensors: readonly NamedTensor[],
  part: string | undefined,
): ReadonlyMap<string, CheckpointTensor> {
  const network = findNetwork(file, tensors, { isKey: isStem, part, hint: `write ${file}#<name>` });
  if (network === undefined) return unwrapped(tensors);
  if (part !== undefined) return network.tensors;
  // What lies beside the network, under the key it is saved under, is kept so that reports name it.
  const taken = new Set(network.tensors.values());
  const key = network.part === '' ? '' : `${network.part.split('.')[0]}.`;
  const beside = tensors.filter((tensor) => !taken.has(tensor) && tensor.name.startsWith(key));
  return new Map([...beside.map((tensor) => [tensor.name.slice(key.length), tensor] as const), ...network.tensors]);
}

/** The file of `<file>` or `<file>#<part>`, and the part; a file may have a # in its own name. */
export async function splitWeightsPath(path: string): Promise<ReturnType<typeof splitPart>> {
  return splitPart(path, (await stat(path).catch(() => undefined)) !== undefined);
}

/** The first layer of a ResNet, alone or in a detector, by detectron2's and torchvision's names. */
function isStem(name: string): boolean {
  return /^(?:backbone\.|encoder\.)?(?:bottom_up\.)?(?:stem\.)?conv1\.weight$/u.test(name);
}

function unwrapped(tensors: readonly NamedTensor[]): ReadonlyMap<string, CheckpointTensor> {
  for (const prefix of wrappers) {
    const inner = tensors.filter(({ name }) => name.startsWith(prefix));
    if (inner.length > 0) return new Map(inner.map((tensor) => [tensor.name.slice(prefix.length), tensor]));
  }
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
