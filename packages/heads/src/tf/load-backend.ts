import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import { registerMissingGradients } from './gradients.ts';

export type TfBackendName = 'tensorflow-gpu' | 'tensorflow' | 'wasm' | 'cpu';

export interface TfBackend {
  readonly name: TfBackendName;
  /** One line for a report, for example `TensorFlow 2.21 on the CPU (tfjs-node)`. */
  readonly description: string;
  /** Why this one: what was asked, and what was tried before and did not load. */
  readonly why: string;
  /** True where full-size networks train in reasonable time. */
  readonly fast: boolean;
}

/** Tried in this order when the caller has no preference. */
export const tfBackendOrder: readonly TfBackendName[] = ['tensorflow-gpu', 'tensorflow', 'wasm', 'cpu'];

/**
 * Loads a TensorFlow.js backend and makes it current: the one named, or with `auto` the first of
 * {@link tfBackendOrder} that loads.
 *
 * TensorFlow's kernels are asked for deterministic results: some otherwise add up in whatever order threads come.
 *
 * @throws U2SegError `unavailable` if the named backend does not load, or none does
 */
export async function loadTfBackend(preference: TfBackendName | 'auto' = 'auto'): Promise<TfBackend> {
  tf.enableProdMode();
  registerMissingGradients();
  const candidates = preference === 'auto' ? tfBackendOrder : [preference];
  const failures: string[] = [];
  for (const name of candidates) {
    try {
      const description = await loaders[name]();
      registerMissingGradients();
      const tried = failures.length === 0 ? '' : `; not loaded: ${failures.join('; ')}`;
      const asked = preference === 'auto' ? 'first of the order that loads' : 'asked for';
      return { name, description, why: asked + tried, fast: name.startsWith('tensorflow') };
    } catch (cause) {
      if (preference !== 'auto') {
        throw new U2SegError('unavailable', `loadTfBackend: ${name} does not load: ${reasonOf(cause)}`, { cause });
      }
      failures.push(`${name} (${reasonOf(cause)})`);
    }
  }
  throw new U2SegError('unavailable', `loadTfBackend: no backend loads: ${failures.join('; ')}`);
}

const loaders: Record<TfBackendName, () => Promise<string>> = {
  'tensorflow-gpu': async () => loadNative('@tensorflow/tfjs-node-gpu', 'GPU'),
  tensorflow: async () => loadNative('@tensorflow/tfjs-node', 'CPU'),
  wasm: async () => {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const require = createRequire(import.meta.url);
    const entry = require.resolve('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(entry.slice(0, entry.lastIndexOf('/') + 1));
    await activate('wasm');
    return 'WebAssembly (tfjs-backend-wasm)';
  },
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu');
    await activate('cpu');
    return 'plain JavaScript (tfjs-backend-cpu)';
  },
};

async function loadNative(packageName: string, device: 'CPU' | 'GPU'): Promise<string> {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
  if (device === 'CPU') process.env['TF_DETERMINISTIC_OPS'] ??= '1';
  const require = createRequire(import.meta.url);
  restoreUtilFunctions(require('node:util') as Record<string, unknown>);
  const native = require(packageName) as { version: { 'tfjs-node': string }; backend(): unknown };
  await activate('tensorflow');
  const { binding } = tf.backend() as unknown as { binding: { TF_Version?: string } };
  return `TensorFlow ${binding.TF_Version ?? ''} on the ${device} (tfjs-node ${native.version['tfjs-node']})`;
}

async function activate(backend: string): Promise<void> {
  if (!(await tf.setBackend(backend))) throw new Error(`backend ${backend} could not be initialised`);
  await tf.ready();
}

/** tfjs-node calls two functions of `node:util` of which Node 23 removed one and warns of the other. */
function restoreUtilFunctions(util: Record<string, unknown>): void {
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}

/** Why a backend does not load, as a clause people can act on. */
function reasonOf(cause: unknown): string {
  const message = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!.trim();
  if ((cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && /tfjs-node(-gpu)?'/u.test(message))
    return 'not installed';
  return /native addon module .* can not be found/u.test(message) ? 'its native library is missing' : message;
}
