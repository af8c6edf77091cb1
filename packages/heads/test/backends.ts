import { loadTfBackend, type TfBackendName } from '../src/tf/load-backend.ts';

/** Backends that load on this machine, the portable ones first. */
export async function availableBackends(): Promise<TfBackendName[]> {
  const found: TfBackendName[] = [];
  for (const name of ['cpu', 'wasm', 'tensorflow'] as const) {
    try {
      await loadTfBackend(name);
      found.push(name);
    } catch {
      // an optional backend that is not installed is simply not tested
    }
  }
  return found;
}
