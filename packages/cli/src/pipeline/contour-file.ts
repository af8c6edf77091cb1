import { readFile } from 'node:fs/promises';
import { ioError, U2SegError } from '@u2seg/core';
import { ContourNetwork, loadStateDict, stateDict, type ContourNetworkConfig } from '@u2seg/heads';
import { readSafetensors, writeFileAtomic, writeSafetensors, type NamedTensor } from '@u2seg/interchange';

const format = 'u2seg-contours/1';

/** Writes a contour network, weights in torch's layout and its sizes in the metadata. */
export async function writeContourNetwork(path: string, network: ContourNetwork): Promise<void> {
  const tensors = [...stateDict(network)].map(([name, entry]) => ({ name, ...entry }) as NamedTensor);
  await writeFileAtomic(path, writeSafetensors(tensors, { format, config: JSON.stringify(network.config) }));
}

/** @throws U2SegError `not-found`, or `bad-format` if the file is none of {@link writeContourNetwork}'s */
export async function readContourNetwork(path: string): Promise<ContourNetwork> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw ioError(`${path}: the contour network cannot be read`, cause);
  });
  const { tensors, metadata } = readSafetensors(new Uint8Array(bytes), path);
  if (metadata.get('format') !== format) {
    throw new U2SegError(
      'bad-format',
      `${path}: wanted a contour network of format ${format}, got ${metadata.get('format') ?? 'none'}.`,
    );
  }
  const network = ContourNetwork.create(JSON.parse(metadata.get('config')!) as ContourNetworkConfig, { seed: 0 });
  loadStateDict(network, new Map(tensors.map((tensor) => [tensor.name, tensor])));
  return network;
}
