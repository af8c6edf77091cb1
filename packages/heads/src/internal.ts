/** What our other packages and the tests take beyond what is promised to others; it may change in any release. */
export { cellAnchors, gridAnchors, pyramidAnchors } from './boxes/anchors.ts';
export { cropAndResizeMasks, maskBox } from './boxes/bit-masks.ts';
export {
  boxAreas,
  clipBoxes,
  concatBoxes,
  nonemptyBoxes,
  pairwiseIou,
  takeBoxes,
  takeRows,
} from './boxes/box-array.ts';
export { applyDeltas, boxDeltas, deltaClamp } from './boxes/box-transform.ts';
export { assignLevels } from './boxes/level-assignment.ts';
export { matchPredictions } from './boxes/matcher.ts';
export { descendingOrder, topIndices } from './boxes/nms.ts';
export { pasteSoftMasks } from './boxes/paste-masks.ts';
export { sizeDivisor } from './detector/config/config.ts';
export { parseDetectron2TestSize } from './detector/config/detectron2-config.ts';
export { parameterSpecs } from './detector/parameters/parameter-specs.ts';
export { runtimeShape, toDisk, toRuntime } from './detector/parameters/parameter-layout.ts';
export { ParameterStore } from './detector/parameters/parameter-store.ts';
export { cascadeStages } from './detector/config/presets.ts';
export { describeReport } from './detector/parameters/state-dict.ts';
export { configMetadataKey } from './export/export-onnx.ts';
export { assertPrecision } from './tf/precision.ts';
export { tfBackendOrder } from './tf/load-backend.ts';
export { sumOfSquares } from './tf/sum-of-squares.ts';
export { withinScope } from './tf/within-scope.ts';
export { correspondencePairs, detach, normalizeChannels, samplingMatrix, stegoDropoutRate } from './stego/index.ts';
export { resizeBilinear } from './tf/resize.ts';
