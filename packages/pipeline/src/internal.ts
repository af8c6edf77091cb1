/** What the command line and the experiments take from the pipeline beyond what is promised to others; it may change in any release. */
export { nearestName } from './config/nearest-name.ts';
export { readContourNetwork, writeContourNetwork } from './contours/contour-file.ts';
export { findContours, openContours, wantsContours, type ContourSource } from './contours/contour-stage.ts';
export { cocoTable, percent } from './evaluate/metric-tables.ts';
export { namedClasses } from './evaluate-files/evaluate-semantic.ts';
export { bytesOf } from './evaluate-files/evaluation.ts';
export {
  loadExperiments,
  measuredData,
  selectExperiments,
  trainingData,
  type ListedExperiment,
} from './experiments/experiment-module.ts';
export { readRecord, recordPath, withSystems, type ExperimentRecord } from './experiments/experiment-record.ts';
export { experimentTable } from './experiments/experiment-table.ts';
export { meanAndDeviation } from './experiments/mean-and-deviation.ts';
export { readSummary } from './experiments/run-summary.ts';
export { smokeScenes, smokeSystem, tinySystem } from './experiments/smoke-variant.ts';
export { convertWeights } from './networks/convert-weights.ts';
export { graphOfModel } from './networks/exported-graph.ts';
export { findModel } from './networks/find-model.ts';
export { readModel, readModelInfo, writeModel } from './networks/model-file.ts';
export { readNetworkCheckpoint } from './networks/network-checkpoint.ts';
export { openRegionSource } from './predict/region-source.ts';
export { hashFile } from './run/hash.ts';
export { differences } from './run/run-directory.ts';
