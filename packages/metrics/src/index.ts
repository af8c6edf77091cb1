export type { CocoCurves, CurveSelection, CurveShape } from './coco/coco-curves.ts';
export { CocoAccumulator, evaluateClassAgnostic, evaluateCoco, type CocoReport } from './coco/coco-evaluate.ts';
export {
  readClusteredResults,
  readCocoGroundTruth,
  readCocoResults,
  type CocoResultsOptions,
} from './coco/coco-json.ts';
export type { MatchedRows } from './coco/coco-match.ts';
export { cocoDefaults, type AreaRange, type CocoParameters, type IouType } from './coco/coco-parameters.ts';
export { cocoStatNames, type CocoCategoryScore, type CocoStats } from './coco/coco-summary.ts';
export {
  detectionsFrom,
  groundTruthFrom,
  type CocoCategory,
  type CocoDetections,
  type CocoGroundTruth,
  type CocoImage,
  type DetectedInstance,
  type GroundTruthColumns,
  type GroundTruthInstance,
} from './coco/coco-tables.ts';
export type { RunTable } from './coco/run-table.ts';
export { assignHungarian, type Assignment } from './matching/hungarian.ts';
export type { PanopticImage, PanopticSegment } from './panoptic/panoptic-image.ts';
export { readPanopticJson, type PanopticAnnotation, type PanopticDataset } from './panoptic/panoptic-json.ts';
export {
  PanopticQuality,
  panopticScore,
  type PanopticAverage,
  type PanopticCategory,
  type PanopticClassScore,
  type PanopticMode,
  type PanopticReport,
  type PanopticScore,
} from './panoptic/panoptic-quality.ts';
export {
  semanticDefaults,
  type SemanticClassScore,
  type SemanticOptions,
  type SemanticReport,
} from './semantic/confusion-scores.ts';
export { SemanticConfusion } from './semantic/semantic-confusion.ts';
export {
  compareImage,
  evaluateUniversal,
  UniversalEvaluator,
  universalDefaults,
  type ClusteredImage,
  type ClusteredSegment,
  type ComparedImage,
  type ProtocolResult,
  type UniversalOptions,
  type UniversalPair,
  type UniversalReport,
} from './matching/universal.ts';
export { panopticCategories, type ClassEntry, type ClassList } from './classes/class-list.ts';
export { cityscapes19, cityscapes27 } from './classes/classes-cityscapes.ts';
export { coco133, coco80, cocoStuff53 } from './classes/classes-coco.ts';
export { cocoStuff27 } from './classes/classes-cocostuff27.ts';
export { u2seg95, u2segSemantic16 } from './classes/classes-u2seg.ts';
export { classAgnostic, uvo81, voc20 } from './classes/classes-voc-uvo.ts';
export {
  readClusterMapping,
  writeClusterMapping,
  type ClusterMapping,
  type FittedOn,
} from './matching/cluster-mapping.ts';
export {
  matchClusterGroups,
  matchClusters,
  type ClusterMatch,
  type MatchingGroup,
  type MatchingProtocol,
} from './matching/cluster-matching.ts';
export {
  InstanceVotes,
  instanceVoteDefaults,
  PixelVotes,
  SemanticVotes,
  semanticVoteDefaults,
  type InstanceVoteOptions,
  type SemanticVoteOptions,
  type VoteCounts,
  type VotedInstance,
  type VotingInstance,
} from './matching/cluster-votes.ts';
export {
  ClusteredInstanceEvaluator,
  type ClusteredDetection,
  type ClusteredInstanceImage,
  type ClusteredInstanceOptions,
  type ClusteredInstanceResult,
} from './matching/clustered-instances.ts';
export {
  ClusteredSemanticEvaluator,
  type ClusteredSemanticOptions,
  type ClusteredSemanticResult,
  type SemanticImageScore,
} from './matching/clustered-semantics.ts';
export { remapLabels, remapTable, sequentialRemapTable } from './semantic/label-remap.ts';
export {
  UnsupervisedSemantics,
  type UnsupervisedOptions,
  type UnsupervisedReport,
} from './matching/unsupervised-semantics.ts';
export { calibrateScores, type CalibrationReport, type ReliabilityBin } from './coco/calibration.ts';
export {
  breakDownErrors,
  type BreakdownOptions,
  type ErrorBreakdown,
  type ErrorShare,
} from './coco/error-breakdown.ts';
export type { DetectionError, ErrorKind } from './coco/error-kinds.ts';
export { rankImages, type ImageOutcome } from './coco/image-outcomes.ts';
export {
  matchOutcomes,
  outcomeDefaults,
  type InstanceOutcomes,
  type OutcomeOptions,
} from './coco/instance-outcomes.ts';
