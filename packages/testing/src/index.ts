export { unmatchedInstances, type DetectionColumns, type GoldenDetections } from './golden-detections.ts';
export { dataRoot, golden, GoldenFolder, goldenRoot, type GoldenTensor } from './goldens.ts';
export type { Tolerance } from './matchers.ts';
export { asOrdinaryUser, boundByPermissions, ordinaryUid } from './ordinary-user.ts';
export { readPanopticIds, readPng, type PngPixels } from './png.ts';
export { bytesOf, checkpointBytes, type TensorLike } from './tensor-bytes.ts';
