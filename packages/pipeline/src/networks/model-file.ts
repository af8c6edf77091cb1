import { join } from 'node:path';
import { loadStateDict, PanopticCascadeModel, type DetectorConfig } from '@u2seg/heads';
import type { NamedTensor } from '@u2seg/interchange';
import { readNetworkFile, writeNetworkFile, type NetworkFormat } from './network-file.ts';

const kind: NetworkFormat = {
  name: 'model',
  format: 'u2seg-model/1',
  hint: 'u2seg convert makes one of other checkpoints',
};

/** What a trained network is, besides its weights. */
export interface ModelInfo {
  readonly network: DetectorConfig;
  /** K, thing clusters. */
  readonly things: number;
  /** Stuff clusters. */
  readonly stuff: number;
  /** Shorter and longest side at test time, in pixels. */
  readonly testSize: { readonly shortestEdge: number; readonly maxSize: number };
  /** What it was trained on, for reports: hash of the labels. */
  readonly trainedOn: string;
}

/** Where a stage that trains a network puts it. */
export function modelPath(folder: string): string {
  return join(folder, 'model.safetensors');
}

/** Writes weights under detectron2's names, with everything `u2seg predict` needs in the metadata. */
export async function writeModel(path: string, model: PanopticCascadeModel, info: ModelInfo): Promise<void> {
  await writeNetworkFile(path, model, kind, { info: JSON.stringify(info) });
}

/** @throws U2SegError `not-found`, or `bad-format` if the file is none of {@link writeModel}'s */
export async function readModel(
  path: string,
): Promise<{ readonly model: PanopticCascadeModel; readonly info: ModelInfo }> {
  const { info, tensors } = await readModelFile(path);
  const model = PanopticCascadeModel.create(info.network, { seed: 0 });
  loadStateDict(model, tensors, { source: path });
  return { model, info };
}

/** What a model file says about its network, without building it. @throws U2SegError as {@link readModel} */
export async function readModelInfo(path: string): Promise<ModelInfo> {
  return (await readModelFile(path)).info;
}

async function readModelFile(
  path: string,
): Promise<{ readonly info: ModelInfo; readonly tensors: Map<string, NamedTensor> }> {
  const { metadata, tensors } = await readNetworkFile(path, kind);
  return { info: JSON.parse(metadata.get('info')!) as ModelInfo, tensors };
}
