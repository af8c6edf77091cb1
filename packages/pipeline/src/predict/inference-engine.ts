/** What runs a trained network: its exported graph in onnxruntime, or the network itself in TensorFlow.js. */
import { createOnnxSession } from '@u2seg/backbone';
import { U2SegError } from '@u2seg/core';
import { inferWithSession, loadTfBackend, type Precision } from '@u2seg/heads';
import { assertPrecision } from '@u2seg/heads/internal';
import type { Predictor } from '@u2seg/self-train';
import type { PipelineConfig } from '../config/config.ts';
import { exportedGraph } from '../networks/exported-graph.ts';
import { readModel, readModelInfo, type ModelInfo } from '../networks/model-file.ts';

/** `auto` takes onnxruntime where it loads, no GPU is at TensorFlow's hands and float32 is wanted. */
export type EngineChoice = 'auto' | 'onnxruntime' | 'tfjs';

export const engineChoices: readonly EngineChoice[] = ['auto', 'onnxruntime', 'tfjs'];

export interface InferenceEngine extends Predictor {
  readonly info: ModelInfo;
  /** One line: which runtime, and why. */
  readonly description: string;
  dispose(): Promise<void>;
}

/**
 * Opens a model file for inference.
 *
 * @param precision - of TensorFlow.js; the exported graph computes in float32
 * @throws U2SegError `unavailable` if the engine that was asked for does not load or has no such precision, `wrong-usage` for
 * onnxruntime in bfloat16, and as the model file's reader does
 */
export async function openInferenceEngine(
  modelPath: string,
  choice: EngineChoice,
  backend: PipelineConfig['train']['backend'],
  precision: Precision = 'float32',
): Promise<InferenceEngine> {
  if (precision !== 'float32' && choice === 'onnxruntime') {
    throw new U2SegError('wrong-usage', `the exported graph computes in float32; ${precision} wants --engine tfjs.`);
  }
  if (choice === 'tfjs') return tfjsEngine(modelPath, backend, 'asked for', precision);
  if (precision !== 'float32') return tfjsEngine(modelPath, backend, `${precision} was asked for`, precision);
  if (choice === 'onnxruntime') return onnxEngine(modelPath, backend, 'asked for');
  if (backend === 'tensorflow-gpu') return tfjsEngine(modelPath, backend, 'a GPU was asked for');
  if (backend === 'auto' && (await loadTfBackend(backend)).name === 'tensorflow-gpu') {
    return tfjsEngine(modelPath, backend, 'it has a GPU');
  }
  try {
    return await onnxEngine(modelPath, backend, 'first choice on a CPU');
  } catch (cause) {
    if (!(cause instanceof U2SegError) || !['unavailable', 'unsupported'].includes(cause.code)) throw cause;
    return tfjsEngine(modelPath, backend, `onnxruntime cannot: ${cause.message}`);
  }
}

async function onnxEngine(
  modelPath: string,
  backend: PipelineConfig['train']['backend'],
  why: string,
): Promise<InferenceEngine> {
  const info = await readModelInfo(modelPath);
  const { bytes, path, fresh } = await exportedGraph(modelPath, backend);
  const session = await createOnnxSession(bytes, { source: path ?? `graph of ${modelPath}` });
  const origin =
    path === undefined
      ? 'exported, not kept: its folder cannot be written'
      : `${fresh ? 'exported to' : 'from'} ${path}`;
  return {
    info,
    description: `onnxruntime (${why}); graph ${origin}`,
    infer: (image, options) => inferWithSession(session, info.network, image, options),
    dispose: () => session.dispose(),
  };
}

async function tfjsEngine(
  modelPath: string,
  backend: PipelineConfig['train']['backend'],
  why: string,
  precision: Precision = 'float32',
): Promise<InferenceEngine> {
  const loaded = await loadTfBackend(backend);
  assertPrecision('predict', precision);
  const { model, info } = await readModel(modelPath);
  return {
    info,
    description: `TensorFlow.js (${why}); ${precision}, ${loaded.description}`,
    infer: (image, options) => model.infer(image, { ...options, precision }),
    dispose: () => Promise.resolve(model.dispose()),
  };
}
