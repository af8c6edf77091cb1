import { workerData } from 'node:worker_threads';
import { crfImports, failedWord, readyWord, type CrfHelperData, type CrfKernels } from './crf-kernels.ts';

/** Second thread of a `DenseCrf`: does its share of what the first dispatches, until it is terminated. */
const { module, memory, control } = workerData as CrfHelperData;
const kernels = new WebAssembly.Instance(module, { env: crfImports(memory) }).exports as unknown as CrfKernels;
const words = new Int32Array(memory.buffer, control, 128);
Atomics.store(words, readyWord, 1);
try {
  kernels.serve(control);
} catch (error) {
  Atomics.store(words, failedWord, 1);
  throw error;
}
