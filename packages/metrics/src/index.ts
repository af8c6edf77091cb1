export { accumulateMatches } from './coco-accumulate.ts';
export type { CocoCurves, CurveSelection, CurveShape } from './coco-curves.ts';
export { CocoAccumulator, evaluateClassAgnostic, evaluateCoco, type CocoReport } from './coco-evaluate.ts';
export { readClusteredResults, readCocoGroundTruth, readCocoResults, type CocoResultsOptions } from './coco-json.ts';
export { matchInstances, type MatchedRows } from './coco-match.ts';
export { cocoDefaults, type AreaRange, type CocoParameters, type IouType } from './coco-parameters.ts';
export { cocoStatNames, type CocoCategoryScore, type CocoStats } from './coco-summary.ts';
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
} from './coco-tables.ts';
export { maskAt, packMasks, type RunTable } from './run-table.ts';
export { assignHungarian, type Assignment } from './hungarian.ts';
export { labelBoundary } from './label-boundary.ts';
export { readPanopticJson, type PanopticAnnotation, type PanopticDataset } from './panoptic-json.ts';
export {
  PanopticQuality,
  panopticScore,
  type PanopticAverage,
  type PanopticCategory,
  type PanopticClassScore,
  type PanopticImage,
  type PanopticMode,
  type PanopticReport,
  type PanopticScore,
  type PanopticSegment,
} from './panoptic-quality.ts';
export {
  scoreConfusion,
  semanticDefaults,
  type SemanticClassScore,
  type SemanticOptions,
  type SemanticReport,
} from './confusion-scores.ts';
export { SemanticConfusion } from './semantic-confusion.ts';
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
} from './universal.ts';
export { classIndex, panopticCategories, type ClassEntry, type ClassList } from './class-list.ts';
export { cityscapes19, cityscapes27 } from './classes-cityscapes.ts';
export { coco133, coco80, cocoStuff53 } from './classes-coco.ts';
export { cocoStuff27, cocoStuffFineToCoarse } from './classes-cocostuff27.ts';
export {
  u2seg95,
  u2segPanopticIds,
  u2segSemantic16,
  u2segStuffId,
  u2segStuffNames,
  u2segStuffTable,
} from './classes-u2seg.ts';
export { classAgnostic, uvo81, voc20 } from './classes-voc-uvo.ts';
export {
  describeMapping,
  readClusterMapping,
  writeClusterMapping,
  type ClusterMapping,
  type FittedOn,
} from './cluster-mapping.ts';
export {
  matchClusterGroups,
  matchClusters,
  type ClusterMatch,
  type MatchingGroup,
  type MatchingProtocol,
} from './cluster-matching.ts';
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
} from './cluster-votes.ts';
export {
  ClusteredInstanceEvaluator,
  type ClusteredDetection,
  type ClusteredInstanceImage,
  type ClusteredInstanceOptions,
  type ClusteredInstanceResult,
} from './clustered-instances.ts';
export {
  ClusteredSemanticEvaluator,
  type ClusteredSemanticOptions,
  type ClusteredSemanticResult,
  type SemanticImageScore,
} from './clustered-semantics.ts';
export { DataHash, imageDigest } from './data-hash.ts';
export { remapLabels, remapTable, sequentialRemapTable } from './label-remap.ts';
export { UnsupervisedSemantics, type UnsupervisedOptions, type UnsupervisedReport } from './unsupervised-semantics.ts';
export { calibrateScores, type CalibrationReport, type ReliabilityBin } from './calibration.ts';
export { breakDownErrors, type BreakdownOptions, type ErrorBreakdown, type ErrorShare } from './error-breakdown.ts';
export { errorKinds, type DetectionError, type ErrorKind } from './error-kinds.ts';
export { rankImages, type ImageOutcome } from './image-outcomes.ts';
export { matchOutcomes, outcomeDefaults, type InstanceOutcomes, type OutcomeOptions } from './instance-outcomes.ts';
