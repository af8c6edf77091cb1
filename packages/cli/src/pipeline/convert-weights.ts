/** Networks between our model files and the checkpoints of detectron2, U2Seg, CutLER and CUPS. */
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { U2SegError } from '@u2seg/core';
import {
  describeReport,
  loadStateDict,
  loadTfBackend,
  PanopticCascadeModel,
  renameCheckpoint,
  stateDict,
  type CheckpointTensor,
} from '@u2seg/heads';
import {
  readSafetensors,
  readTorchCheckpoint,
  writeFileAtomic,
  writeTorchCheckpoint,
  type NamedTensor,
} from '@u2seg/interchange';
import { trainPreset } from '@u2seg/self-train';
import { hashFile } from './hash.ts';
import { readModel, writeModel } from './model-file.ts';
import { findModel } from './predict-folder.ts';

export interface ConvertOptions {
  /** A checkpoint (`.pth`, `.pkl`, `.ckpt`, `.safetensors`), one of our model files, or a run. */
  readonly from: string;
  /** `.safetensors` becomes a model file for `u2seg predict`, `.pth` a checkpoint in detectron2’s layout. */
  readonly to: string;
  /** Train preset whose network a foreign checkpoint is of; by default what its names say. */
  readonly network?: string;
  /** Overwrite `to`. */
  readonly force: boolean;
}

/**
 * Converts; class counts of a foreign checkpoint are read off its predictors.
 *
 * @returns what became of the tensors, for people
 * @throws U2SegError `conflict` where `to` exists; `bad-format` listing names and shapes that do not fit the network
 */
export async function convertWeights({ from, to, network, force }: ConvertOptions): Promise<string> {
  const kind = extname(to);
  if (kind !== '.safetensors' && kind !== '.pth')
    throw new U2SegError('wrong-usage', `${to}: wanted a name ending in .safetensors or .pth.`);
  if (!force && (await stat(to).catch(() => undefined)) !== undefined)
    throw new U2SegError('conflict', `${to}: is there already; --force replaces it.`);
  await loadTfBackend('auto');
  const own = await ownModel(from);
  const { model, info, report } = own ?? (await foreignModel(from, network));
  try {
    if (kind === '.safetensors') await writeModel(to, model, info);
    else {
      const tensors = [...stateDict(model)].map(([name, entry]) => ({ name, ...entry }) as NamedTensor);
      await writeFileAtomic(to, writeTorchCheckpoint({ model: tensors }));
    }
  } finally {
    model.dispose();
  }
  return report;
}

type Opened = Awaited<ReturnType<typeof readModel>> & { readonly report: string };

async function ownModel(path: string): Promise<Opened | undefined> {
  const file = await findModel(path);
  if (extname(file) !== '.safetensors') return undefined;
  const { metadata } = readSafetensors(new Uint8Array(await readFile(file)), file);
  if (metadata.get('format') !== 'u2seg-model/1') return undefined;
  const opened = await readModel(file);
  return { ...opened, report: `${opened.model.store.specs.size} tensors of ${file}.` };
}

async function foreignModel(path: string, named: string | undefined): Promise<Opened> {
  const bytes = new Uint8Array(await readFile(path));
  const all =
    extname(path) === '.safetensors' ? readSafetensors(bytes, path).tensors : readTorchCheckpoint(bytes, path).tensors;
  const tensors = networkTensors(all);
  const rows = (end: string): number | undefined => [...tensors].find(([name]) => name.endsWith(end))?.[1].shape[0];
  const classes = rows('roi_heads.box_predictor.0.cls_score.weight');
  if (classes === undefined) {
    throw new U2SegError(
      'bad-format',
      `${path}: has no tensor roi_heads.box_predictor.0.cls_score.weight: it is no Cascade Mask R-CNN of detectron2 (a backbone alone goes to --weights).`,
    );
  }
  const semantic = rows('sem_seg_head.predictor.weight');
  const preset = trainPreset(named ?? (semantic === undefined ? 'cutler-stage1' : 'u2seg-800'));
  const [things, stuff] = [classes - 1, (semantic ?? 1) - 1];
  const network = preset.network({ things, stuff: Math.max(1, stuff) });
  const model = PanopticCascadeModel.create(network, { seed: 0 });
  const { tensors: renamed } = renameCheckpoint(tensors, model.store.specs.keys());
  const report = loadStateDict(model, renamed, { onMismatch: 'report' });
  if (report.missing.length + report.mismatched.length > 0) {
    model.dispose();
    throw new U2SegError(
      'bad-format',
      `${path}: does not fit the network of ${preset.name}. ${describeReport(report)}`,
    );
  }
  return {
    model,
    info: { network, things, stuff, testSize: preset.testSize, trainedOn: `converted from ${await hashFile(path)}` },
    report: `network of ${preset.name}, ${things} thing and ${stuff} stuff classes. ${describeReport(report)}`,
  };
}

/** The network’s part of a training checkpoint: what lies under `model` (detectron2) or `state_dict` (Lightning), else all. */
function networkTensors(tensors: readonly NamedTensor[]): ReadonlyMap<string, CheckpointTensor> {
  for (const prefix of ['model.', 'state_dict.']) {
    const inner = tensors.filter(({ name }) => name.startsWith(prefix));
    if (inner.length > 0)
      return new Map(inner.map((tensor) => [tensor.name.slice(prefix.length), tensor as CheckpointTensor]));
  }
  return new Map(tensors.map((tensor) => [tensor.name, tensor as CheckpointTensor]));
}
