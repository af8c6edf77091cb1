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
