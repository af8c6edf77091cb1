/** Weights of a network in one `.safetensors` file: torch's layout and names, what else it takes in the metadata. */
import { readFile } from 'node:fs/promises';
import { ioError, U2SegError, writeFileAtomic } from '@u2seg/core';
import { stateDict } from '@u2seg/heads';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@u2seg/interchange';

/** What a file is called in errors, and how it is told from others. */
export interface NetworkFormat {
  readonly name: string;
  readonly format: string;
  /** What helps whoever has another file. */
  readonly hint?: string;
}

export async function writeNetworkFile(
  path: string,
  network: Parameters<typeof stateDict>[0],
  { format }: NetworkFormat,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors = [...stateDict(network)].map(([name, entry]) => ({ name, ...entry }) as NamedTensor);
  await writeFileAtomic(path, writeSafetensors(tensors, { format, ...metadata }));
}

/** @throws U2SegError `not-found`, or `bad-format` if the file is of another format */
export async function readNetworkFile(
  path: string,
  { name, format, hint }: NetworkFormat,
): Promise<{ readonly metadata: ReadonlyMap<string, string>; readonly tensors: Map<string, NamedTensor> }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw ioError(`${path}: the ${name} cannot be read`, cause);
  });
  const { tensors, metadata } = readSafetensors(new Uint8Array(bytes), path);
  const found = metadata.get('format');
  if (found !== format) {
    const wanted = `${name} of format ${format}${hint === undefined ? '' : ` (${hint})`}`;
    throw new U2SegError('bad-format', `${path}: wanted a ${wanted}, got ${found ?? 'none'}.`);
  }
  return { metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}
