import { ContourNetwork, loadStateDict, type ContourNetworkConfig } from '@u2seg/heads';
import { readNetworkFile, writeNetworkFile, type NetworkFormat } from '../networks/network-file.ts';

const kind: NetworkFormat = { name: 'contour network', format: 'u2seg-contours/1' };

/** Writes a contour network, its sizes in the metadata. */
export async function writeContourNetwork(path: string, network: ContourNetwork): Promise<void> {
  await writeNetworkFile(path, network, kind, { config: JSON.stringify(network.config) });
}

/** @throws U2SegError `not-found`, or `bad-format` if the file is none of {@link writeContourNetwork}'s */
export async function readContourNetwork(path: string): Promise<ContourNetwork> {
  const { metadata, tensors } = await readNetworkFile(path, kind);
  const network = ContourNetwork.create(JSON.parse(metadata.get('config')!) as ContourNetworkConfig, { seed: 0 });
  loadStateDict(network, tensors);
  return network;
}
