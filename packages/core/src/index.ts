export { assertInRange, assertInteger, assertLength, U2SegError, type ErrorCode } from './errors.ts';
export { assertImage, type BinaryMask, type RgbImage } from './image.ts';
export { assertPatchFeatures, type Backbone, type BackboneInfo, type PatchFeatures } from './patch-features.ts';
export type { OnProgress, ProgressEvent } from './progress.ts';
export { deriveSeed, permutation, sampleWithoutReplacement, SeededRng, seededRng, type Rng } from './rng.ts';
export { serveWorker } from './serve-worker.ts';
export type { HostTensor, TensorSession } from './tensor-session.ts';
export { compileWasm, instantiateWasm } from './wasm.ts';
export {
  compiledModuleUrl,
  WorkerPool,
  type WorkerPoolOptions,
  type WorkerReply,
  type WorkerRequest,
} from './worker-pool.ts';
