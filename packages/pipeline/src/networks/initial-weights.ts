/** What a network starts training from: DINO's ResNet-50, as every published recipe does, or a checkpoint of one's own. */
import { stat } from 'node:fs/promises';
import { U2SegError } from '@u2seg/core';
import { fetchWeights, findOfficialWeights, officialWeights } from '@u2seg/backbone';
import { loadStateDict, renameCheckpoint, type PanopticCascadeModel } from '@u2seg/heads';
import { describeReport } from '@u2seg/heads/internal';
import { hashFile } from '../run/hash.ts';
import { openNetworkCheckpoint, splitWeightsPath } from './network-checkpoint.ts';
import { findModel } from './find-model.ts';

/**
 * The file that initial weights are in; official ones are downloaded once.
 *
 * @param init - `dino-resnet50`, a checkpoint (`.pth`, `.pkl`, `.ckpt`, `.safetensors`; `<file>#<part>` for one of several
 * networks in it), or a run
 * @throws U2SegError `not-found` or, for official weights that are neither cached nor reachable, `unavailable`
 */
export async function findInitialWeights(init: string): Promise<string> {
  const { file } = await splitWeightsPath(init);
  if ((await stat(file).catch(() => undefined)) !== undefined) return findModel(init);
  if (officialWeights.some(({ name, architecture }) => name === init && architecture === 'resnet'))
    return (await fetchWeights(findOfficialWeights(init)).catch(explain)).path;
  const names = officialWeights.flatMap(({ name, architecture }) => (architecture === 'resnet' ? [name] : []));
  throw new U2SegError(
    'not-found',
    `${init}: no such checkpoint or run to start from, and none of the weights ${names.join(', ')}.`,
  );
}

/** Hashes of the file that initial weights are in, and of which of its networks they are. */
export async function hashesOfInitialWeights(path: string): Promise<readonly string[]> {
  const { file, part } = await splitWeightsPath(path);
  return [await hashFile(file), ...(part === undefined ? [] : [part])];
}

function explain(cause: unknown): never {
  if (!(cause instanceof U2SegError)) throw cause;
  const hint = 'The network takes it as --set train.init=<file>; --set train.init=random does without.';
  throw new U2SegError(cause.code, `${cause.message} ${hint}`, { cause });
}

/**
 * Puts a checkpoint's weights into a network; what the checkpoint lacks keeps its random start.
 *
 * @returns what was taken over, and every name or shape that does not match, with the nearest candidate
 * @throws U2SegError `conflict` if nothing fits
 */
export async function initializeFrom(model: PanopticCascadeModel, path: string): Promise<string> {
  const checkpoint = await openNetworkCheckpoint(path);
  const { tensors } = renameCheckpoint(checkpoint.tensors, model.store.specs.keys());
  const report = loadStateDict(model, tensors, { onMismatch: 'report', source: path });
  if (report.loaded.length === 0) {
    throw new U2SegError(
      'conflict',
      `${path}: none of its tensors fits the network. ${describeReport(report)}${checkpoint.note}`,
    );
  }
  return `${path}: ${describeReport(report)}${checkpoint.note}`;
}
