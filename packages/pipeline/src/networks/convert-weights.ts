/** Networks between our model files and the checkpoints of detectron2, U2Seg, CutLER and CUPS. */
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import {
  loadStateDict,
  loadTfBackend,
  PanopticCascadeModel,
  parseDetectron2Config,
  renameCheckpoint,
  stateDict,
  type CheckpointTensor,
  type DetectorConfig,
  type NormKind,
} from '@u2seg/heads';
import { describeReport, parseDetectron2TestSize } from '@u2seg/heads/internal';
import { readSafetensors, writeTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';
import { trainPreset, type TrainPreset } from '@u2seg/self-train';
import { hashFile } from '../run/hash.ts';
import { readModel, writeModel } from './model-file.ts';
import { openNetworkCheckpoint, splitWeightsPath } from './network-checkpoint.ts';
import { findModel } from './find-model.ts';

export interface ConvertOptions {
  /** A checkpoint (`.pth`, `.pkl`, `.ckpt`, `.safetensors`), one of our model files, or a run; `<file>#<part>` for one of several networks in it. */
  readonly from: string;
  /** `.safetensors` becomes a model file for `u2seg predict`, `.pth` a checkpoint in detectron2’s layout. */
  readonly to: string;
  /** Train preset, or detectron2’s `config.yaml`, whose network a foreign checkpoint is of; by default what its names say. */
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
  const { tensors, note } = await openNetworkCheckpoint(path);
  const rows = (end: string): number | undefined => [...tensors].find(([name]) => name.endsWith(end))?.[1].shape[0];
  const cascade = rows('roi_heads.box_predictor.0.cls_score.weight');
  const classes = cascade ?? rows('roi_heads.box_predictor.cls_score.weight');
  if (classes === undefined) {
    throw new U2SegError(
      'bad-format',
      `${path}: has no classifier roi_heads.box_predictor: it is no Mask R-CNN or Cascade Mask R-CNN of detectron2 (a backbone alone goes to train.init).${note}`,
    );
  }
  const semantic = rows('sem_seg_head.predictor.weight');
  const [things, stuff] = [classes - 1, (semantic ?? 1) - 1];
  const guess = cascade === undefined ? 'cutler-mask-rcnn' : semantic === undefined ? 'cutler-stage1' : 'u2seg-800';
  const { name, testSize, network } = await foreignNetwork(named ?? guess, { things, stuff: Math.max(1, stuff) });
  const fitted = withNormsOf(tensors, { ...network, roi: { ...network.roi, numClasses: things } });
  const model = PanopticCascadeModel.create(fitted, { seed: 0 });
  const { tensors: renamed } = renameCheckpoint(tensors, model.store.specs.keys());
  const report = loadStateDict(model, renamed, { onMismatch: 'report', source: path });
  if (report.missing.length + report.mismatched.length > 0) {
    model.dispose();
    throw new U2SegError(
      'bad-format',
      `${path}: does not fit the network of ${name}. ${describeReport(report)}${note}`,
    );
  }
  return {
    model,
    info: {
      network: fitted,
      things,
      stuff,
      testSize,
      trainedOn: `converted from ${await hashFile((await splitWeightsPath(path)).file)}`,
    },
    report: `network of ${name}, ${things} thing and ${stuff} stuff classes. ${describeReport(report)}${note}`,
  };
}

/** A preset's network, or the one detectron2's own configuration file describes. */
async function foreignNetwork(
  named: string,
  classes: { readonly things: number; readonly stuff: number },
): Promise<Pick<TrainPreset, 'name' | 'testSize'> & { readonly network: DetectorConfig }> {
  if (!/\.ya?ml$/u.test(named)) {
    const { name, testSize, network } = trainPreset(named);
    return { name, testSize, network: network(classes) };
  }
  const yaml = await readFile(named, 'utf8');
  return { name: named, testSize: parseDetectron2TestSize(yaml), network: parseDetectron2Config(yaml) };
}

/**
 * The same network with the batch normalizations the checkpoint has: detectron2 counts batches where they are trained, and
 * keeps statistics only where they are frozen (CUPS freezes them before self-training).
 */
function withNormsOf(tensors: ReadonlyMap<string, CheckpointTensor>, network: DetectorConfig): DetectorConfig {
  const names = [...tensors.keys()];
  const normOf = (layer: string, preset: NormKind): NormKind => {
    const has = (part: string): boolean => names.some((name) => name.endsWith(`${layer}.${part}`));
    if (!has('weight')) return preset;
    if (has('norm.num_batches_tracked')) return preset === 'BN' ? 'BN' : 'SyncBN';
    if (has('norm.running_mean')) return 'FrozenBN';
    return has('norm.weight') ? 'GN' : '';
  };
  return {
    ...network,
    resnet: { ...network.resnet, norm: normOf('bottom_up.stem.conv1', network.resnet.norm) },
    fpn: { ...network.fpn, norm: normOf('fpn_lateral2', network.fpn.norm) },
  };
}
