export { writeFileAtomic } from './atomic-file.ts';
export {
  cocoImages,
  cocoInstance,
  type CocoCategoryRecord,
  type CocoImageRecord,
  type CocoInstanceRecord,
  type CocoInstanceShape,
  type CocoRecord,
} from './coco-records.ts';
export { datasetRules, scoringRules, type CocoRules } from './coco-rules.ts';
export type { CocoSegmentation } from './coco-segmentation.ts';
export { compiledModuleUrl } from './compiled-module.ts';
export { assertInRange, assertInteger, assertLength, U2SegError, type ErrorCode } from './errors.ts';
export { explainIoError, ioError } from './io-error.ts';
export { assertImage, type BinaryMask, type RgbImage } from './image.ts';
export type { JsonObject } from './json-record.ts';
export { mapOrdered } from './map-ordered.ts';
export { panopticRecord, type PanopticRecord, type PanopticSegmentRecord } from './panoptic-records.ts';
export { assertPatchFeatures, type Backbone, type BackboneInfo, type PatchFeatures } from './patch-features.ts';
export type { OnProgress, ProgressEvent } from './progress.ts';
export { deriveSeed, permutation, sampleWithoutReplacement, SeededRng, seededRng, type Rng } from './rng.ts';
export {
  resampleBilinear,
  resampleDefaults,
  resampleNearest,
  type Coordinates,
  type ResampleOptions,
  type Samples,
  type SampleShape,
  type Taps,
} from './resample.ts';
export { bboxIouMatrix, rleIntersection, rleIou, rleIouMatrix, rleMerge } from './rle-algebra.ts';
export { rleFromBbox, rleFromPolygon, rleFromPolygons } from './rle-polygon.ts';
export { rleFromString, rleToString } from './rle-string.ts';
export { assertRle, decodeMask, encodeMask, rleArea, rleBbox, type BboxXywh, type Rle } from './rle.ts';
export type { MaskProposal, Segment } from './segments.ts';
export { serveWorker } from './serve-worker.ts';
export type { HostTensor, TensorSession } from './tensor-session.ts';
export { compileWasm, instantiateWasm } from './wasm.ts';
export { WorkerPool, type WorkerPoolOptions, type WorkerReply, type WorkerRequest } from './worker-pool.ts';
