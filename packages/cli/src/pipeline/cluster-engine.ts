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
import { loadTfBackend } from '@u2seg/heads';
import type { PipelineConfig } from './config.ts';

/** The engine k-means runs on; `auto` is the project's own kernels, which need nothing and give the same assignment. */
export async function openClusteringEngine(
  name: PipelineConfig['clustering']['engine'],
): Promise<ClusteringEngine | undefined> {
  switch (name) {
    case 'auto':
      return undefined;
    case 'wasm':
      return wasmEngine();
    case 'typed-arrays':
      return typedArraysEngine();
    case 'ml-kmeans':
      return mlKmeansEngine();
    case 'onnxruntime':
      return onnxruntimeEngine(createOnnxSession);
    case 'tensorflow':
      await loadTfBackend('auto');
      return tfjsEngine(await import('@tensorflow/tfjs-core'));
    case 'faiss':
      return faissEngine();
  }
}
