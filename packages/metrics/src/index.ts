export { accumulateMatches, type CocoCurves } from './coco-accumulate.ts';
export { CocoAccumulator, evaluateClassAgnostic, evaluateCoco, type CocoReport } from './coco-evaluate.ts';
export { readCocoGroundTruth, readCocoResults } from './coco-json.ts';
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
export { packMasks, type RunTable } from './run-table.ts';
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
  SemanticConfusion,
  semanticDefaults,
  type SemanticClassScore,
  type SemanticOptions,
  type SemanticReport,
} from './semantic-confusion.ts';
