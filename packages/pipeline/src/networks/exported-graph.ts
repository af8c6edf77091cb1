/** The ONNX graph of a trained network, kept beside its model file. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { exportOnnx, loadTfBackend } from '@u2seg/heads';
import { readOnnxModel } from '@u2seg/interchange';
import type { PipelineConfig } from '../config/config.ts';
import { hashFile } from '../run/hash.ts';
import { readModel } from './model-file.ts';

/** Counts up when the same network would be written as another graph. */
const graphVersion = 1;

export interface ExportedGraph {
  readonly bytes: Uint8Array;
  /** Where it is kept; undefined where the model's folder cannot be written. */
  readonly path: string | undefined;
  /** False when it was there already. */
  readonly fresh: boolean;
}

/** The graph of a model file as it would be written now. Loads a TensorFlow.js backend to hold the weights. */
export async function graphOfModel(path: string, backend: PipelineConfig['train']['backend']): Promise<Uint8Array> {
  await loadTfBackend(backend);
  const { model, info } = await readModel(path);
  try {
    return exportOnnx(model, { metadata: { trained_on: info.trainedOn, source_sha256: await hashFile(path) } });
  } finally {
    model.dispose();
  }
}

/**
 * The graph of a model file from the file beside it, named by the model's SHA-256, so that another model under the same name
 * gets another graph; made and kept where there is none yet. Graphs of models that are no more are removed.
 */
export async function exportedGraph(
  modelPath: string,
  backend: PipelineConfig['train']['backend'],
): Promise<ExportedGraph> {
  const stem = basename(modelPath).replace(/\.safetensors$/u, '');
  const key = (await hashFile(modelPath)).slice(0, 16);
  const name = `${stem}.${key}.v${graphVersion}.onnx`;
  const path = join(dirname(modelPath), name);
  const kept = await keptGraph(path);
  if (kept !== undefined) return { bytes: kept, path, fresh: false };
  const bytes = await graphOfModel(modelPath, backend);
  try {
    await writeFileAtomic(path, bytes);
  } catch (cause) {
    if (cause instanceof U2SegError) return { bytes, path: undefined, fresh: true };
    throw cause;
  }
  await removeStale(dirname(modelPath), stem, name);
  return { bytes, path, fresh: true };
}

/** The graph of an earlier call; undefined where there is none, or where the file is no longer whole. */
async function keptGraph(path: string): Promise<Uint8Array | undefined> {
  const file = await readFile(path).catch(() => undefined);
  if (file === undefined) return undefined;
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length);
  try {
    readOnnxModel(bytes, path);
    return bytes;
  } catch (cause) {
    if (cause instanceof U2SegError && cause.code === 'bad-format') return undefined;
    throw cause;
  }
}

async function removeStale(folder: string, stem: string, current: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const isGraph = name.startsWith(`${stem}.`) && /^[0-9a-f]{16}\.v\d+\.onnx$/u.test(name.slice(stem.length + 1));
    if (isGraph && name !== current) await rm(join(folder, name), { force: true });
  }
}
