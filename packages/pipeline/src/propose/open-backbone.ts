import type { Backbone } from '@u2seg/core';
import { createEmbeddedBackbone, loadBackbone } from '@u2seg/backbone';
import type { PipelineConfig } from '../config/config.ts';
import { loadComponent } from '../run/component.ts';

/** What a user's own backbone module exports as `createBackbone`. */
export type CreateBackbone = () => Backbone | Promise<Backbone>;

/** Whether a backbone is light enough to live in every worker thread; networks on onnxruntime bring their own threads. */
export function runsInWorkers(config: PipelineConfig['backbone']): boolean {
  return config.component !== undefined || config.name === 'embedded';
}

/** @throws U2SegError as `loadBackbone` does */
export async function openBackbone(config: PipelineConfig['backbone']): Promise<Backbone> {
  if (config.component !== undefined) {
    const create = await loadComponent<CreateBackbone>(config.component, 'createBackbone');
    return create();
  }
  if (config.name === 'embedded') return createEmbeddedBackbone();
  return loadBackbone(config.name, config.weights === undefined ? {} : { weights: config.weights });
}
