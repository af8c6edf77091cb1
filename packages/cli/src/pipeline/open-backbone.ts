import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { U2SegError, type Backbone } from '@u2seg/core';
import { createEmbeddedBackbone, loadBackbone } from '@u2seg/backbone';
import type { PipelineConfig } from './config.ts';

/**
 * The function a user's module exports for a slot of the pipeline.
 *
 * @throws U2SegError `not-found` if the module cannot be loaded or has no such export
 */
export async function loadComponent<T>(path: string, name: string): Promise<T> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new U2SegError(
      'not-found',
      `component ${path}: cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  const found = module[name] ?? module['default'];
  if (typeof found !== 'function') {
    throw new U2SegError(
      'not-found',
      `component ${path}: must export a function ${name} (or a default), it exports ${Object.keys(module).join(', ') || 'nothing'}.`,
    );
  }
  return found as T;
}

/** Whether a backbone is light enough to live in every worker thread; networks on onnxruntime bring their own threads. */
export function runsInWorkers(config: PipelineConfig['backbone']): boolean {
  return config.component !== undefined || config.name === 'embedded';
}

/** @throws U2SegError as `loadBackbone` does */
export async function openBackbone(config: PipelineConfig['backbone']): Promise<Backbone> {
  if (config.component !== undefined) {
    const create = await loadComponent<() => Backbone | Promise<Backbone>>(config.component, 'createBackbone');
    return create();
  }
  if (config.name === 'embedded') return createEmbeddedBackbone();
  return loadBackbone(config.name, config.weights === undefined ? {} : { weights: config.weights });
}
