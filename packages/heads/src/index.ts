export { anchorDefaults, type AnchorOptions } from './boxes/anchors.ts';
export type { BoxArray } from './boxes/box-array.ts';
export type { DeltaWeights } from './boxes/box-transform.ts';
export type { Matches, MatcherOptions } from './boxes/matcher.ts';
export { batchedNms } from './boxes/nms.ts';
export { pasteMasks } from './boxes/paste-masks.ts';
export type { RoiAlignOptions } from './boxes/roi-align-kernel.ts';
export {
  ContourNetwork,
  contourNetworkDefaults,
  type ContourBatch,
  type ContourNetworkConfig,
} from './contours/contour-network.ts';
export { renameCheckpoint, type RenamedCheckpoint } from './detector/parameters/checkpoint-names.ts';
export type {
  BoxHeadConfig,
  DetectorConfig,
  FpnConfig,
  MaskHeadConfig,
  NormKind,
  PanopticConfig,
  PhaseCount,
  ResnetConfig,
  RoiConfig,
  RoiStage,
  RpnConfig,
  SemanticHeadConfig,
} from './detector/config/config.ts';
export { parseDetectron2Config } from './detector/config/detectron2-config.ts';
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
export type { LaidOut } from './detector/parameters/parameter-layout.ts';
export type { InstancePrediction, Prediction } from './detector/inference/prediction.ts';
export { cutlerConfig, maskRcnnConfig, tinyConfig, u2segConfig } from './detector/config/presets.ts';
export type { ImageSize, Proposals } from './detector/inference/proposals.ts';
export type { LabelledRegions } from './detector/training/roi-targets.ts';
export {
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
export { exportOnnx, type ExportOptions } from './export/export-onnx.ts';
export { inferWithSession } from './export/session-inference.ts';
export { cpuHasBfloat16, type Precision } from './tf/precision.ts';
export { loadTfBackend, type TfBackend, type TfBackendName } from './tf/load-backend.ts';
export { roiAlign } from './tf/roi-align.ts';
export type { RoiBatch } from './tf/roi-batch.ts';
export {
  Adam,
  adamDefaults,
  ClusterProbe,
  correspondenceDefaults,
  correspondenceLoss,
  drawPartners,
  drawSampleCoordinates,
  drawStegoDropout,
  keyFeatures,
  LinearProbe,
  patchTokens,
  StegoHead,
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
