import {
  faissEngine,
  mlKmeansEngine,
  onnxruntimeEngine,
  tfjsEngine,
  typedArraysEngine,
  wasmEngine,
  type ClusteringEngine,
} from '@u2seg/clustering';
import { createOnnxSession } from '@u2seg/backbone';
import { U2SegError } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import type { PipelineConfig } from '../config/config.ts';

/** Multiply-adds of a pass over all points from which TensorFlow repays its loading: some seconds on our own kernels. */
const workForTensorflow = 5e10;

/**
 * The engine k-means runs on; all give the same assignment.
 *
 * @param work - multiply-adds of a full pass, N K D; decides `auto`: TensorFlow for much of it, where it is installed, else the
 *   project's own kernels, which need nothing
 * @throws U2SegError `unavailable` for an engine that is named and not installed
 */
export async function openClusteringEngine(
  name: PipelineConfig['clustering']['engine'],
  work = 0,
): Promise<ClusteringEngine | undefined> {
  switch (name) {
    case 'auto':
      return work < workForTensorflow ? undefined : tensorflowEngine('tensorflow').catch(whereAbsent);
    case 'wasm':
      return wasmEngine();
    case 'typed-arrays':
      return typedArraysEngine();
    case 'ml-kmeans':
      return mlKmeansEngine();
    case 'onnxruntime':
      return onnxruntimeEngine(createOnnxSession);
    case 'tensorflow':
      return tensorflowEngine('auto');
    case 'faiss':
      return faissEngine();
  }
}

async function tensorflowEngine(backend: 'auto' | 'tensorflow'): Promise<ClusteringEngine> {
  await loadTfBackend(backend);
  return tfjsEngine(await import('@tensorflow/tfjs-core'));
}

/** Not installed is no error where the engine was ours to choose. */
function whereAbsent(cause: unknown): undefined {
  if (cause instanceof U2SegError && cause.code === 'unavailable') return undefined;
  throw cause;
}
