export { anchorDefaults, cellAnchors, gridAnchors, pyramidAnchors, type AnchorOptions } from './boxes/anchors.ts';
export { cropAndResizeMasks, maskBox } from './boxes/bit-masks.ts';
export {
  boxAreas,
  clipBoxes,
  concatBoxes,
  nonemptyBoxes,
  pairwiseIou,
  takeBoxes,
  takeRows,
  type BoxArray,
} from './boxes/box-array.ts';
export { applyDeltas, boxDeltas, deltaClamp, type DeltaWeights } from './boxes/box-transform.ts';
export { assignLevels } from './boxes/level-assignment.ts';
export { matchPredictions, type Matches, type MatcherOptions } from './boxes/matcher.ts';
export { batchedNms, descendingOrder, topIndices } from './boxes/nms.ts';
export { pasteMasks, pasteSoftMasks } from './boxes/paste-masks.ts';
export type { RoiAlignOptions } from './boxes/roi-align-kernel.ts';
export {
  ContourNetwork,
  contourNetworkDefaults,
  type ContourBatch,
  type ContourNetworkConfig,
} from './contours/contour-network.ts';
export { renameCheckpoint, type RenamedCheckpoint } from './detector/parameters/checkpoint-names.ts';
export {
  sizeDivisor,
  type BoxHeadConfig,
  type DetectorConfig,
  type FpnConfig,
  type MaskHeadConfig,
  type NormKind,
  type PanopticConfig,
  type PhaseCount,
  type ResnetConfig,
  type RoiConfig,
  type RoiStage,
  type RpnConfig,
  type SemanticHeadConfig,
} from './detector/config/config.ts';
export { parseDetectron2Config, parseDetectron2TestSize } from './detector/config/detectron2-config.ts';
export { dropLossWeights } from './detector/training/drop-loss.ts';
export type { Initializer, ParameterLayout, ParameterSpec } from './detector/parameters/layer-specs.ts';
export {
  PanopticCascadeModel,
  type InferOptions,
  type TrainCounts,
  type TrainForward,
  type TrainForwardOptions,
  type TrainGradients,
} from './detector/model.ts';
export {
  combinePanoptic,
  type PanopticMap,
  type PanopticParts,
  type PanopticSegment,
} from './detector/inference/panoptic.ts';
export { parameterSpecs } from './detector/parameters/parameter-specs.ts';
export { runtimeShape, toDisk, toRuntime, type LaidOut } from './detector/parameters/parameter-layout.ts';
export { ParameterStore } from './detector/parameters/parameter-store.ts';
export type { InstancePrediction, Prediction } from './detector/inference/prediction.ts';
export { cascadeStages, cutlerConfig, maskRcnnConfig, tinyConfig, u2segConfig } from './detector/config/presets.ts';
export type { ImageSize, Proposals } from './detector/inference/proposals.ts';
export type { LabelledRegions } from './detector/training/roi-targets.ts';
export {
  describeReport,
  loadStateDict,
  stateDict,
  type CheckpointTensor,
  type LoadStateDictOptions,
  type ShapeMismatch,
  type StateDictEntry,
  type StateDictReport,
  type UnmatchedName,
} from './detector/parameters/state-dict.ts';
export type { TrainInstances, TrainSample } from './detector/training/train-sample.ts';
export { configMetadataKey, exportOnnx, type ExportOptions } from './export/export-onnx.ts';
export { inferWithSession } from './export/session-inference.ts';
export { assertPrecision, cpuHasBfloat16, type Precision } from './tf/precision.ts';
export { loadTfBackend, tfBackendOrder, type TfBackend, type TfBackendName } from './tf/load-backend.ts';
export { roiAlign } from './tf/roi-align.ts';
export { sumOfSquares } from './tf/sum-of-squares.ts';
export type { RoiBatch } from './tf/roi-batch.ts';
export { withinScope } from './tf/within-scope.ts';
export {
  Adam,
  adamDefaults,
  ClusterProbe,
  correspondenceDefaults,
  correspondenceLoss,
  correspondencePairs,
  detach,
  drawPartners,
  drawSampleCoordinates,
  drawStegoDropout,
  keyFeatures,
  LinearProbe,
  normalizeChannels,
  patchTokens,
  samplingMatrix,
  StegoHead,
  stegoDropoutRate,
  stegoHeadDefaults,
  type AdamOptions,
  type ClusterProbeLoss,
  type CorrespondenceBatch,
  type CorrespondenceDraws,
  type CorrespondenceLosses,
  type CorrespondenceOptions,
  type GridSize,
  type PairCorrespondence,
  type StegoDropout,
  type StegoHeadOptions,
} from './stego/index.ts';
export { resizeBilinear } from './tf/resize.ts';
