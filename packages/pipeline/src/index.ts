export { clusterAll, clusterStage, type Cluster, type InstanceTables } from './cluster/cluster-stage.ts';
export { pipelineSchema, type PartialConfig, type PipelineConfig, type PresetName } from './config/config.ts';
export { loadConfig, type ConfigOverrides, type ConfigSources } from './config/load-config.ts';
export { mergeSettings } from './config/merge-settings.ts';
export { pipelinePresets } from './config/presets.ts';
export { contourStage, trainContourStage, type TrainedContours } from './contours/contour-stage.ts';
export type { RunMetrics } from './evaluate/evaluate-stage.ts';
export { openGroundTruth, type GroundTruth } from './evaluate/ground-truth.ts';
export { metricNumbers } from './evaluate/metric-numbers.ts';
export { metricTables, type MetricTable } from './evaluate/metric-tables.ts';
export { evaluateStage, groundTruth, scoreRun, type ScoredParts } from './evaluate/score-run.ts';
export { evaluatePanoptic } from './evaluate-files/evaluate-panoptic.ts';
export { evaluateResults } from './evaluate-files/evaluate-results.ts';
export { evaluateSemantic } from './evaluate-files/evaluate-semantic.ts';
export type { Evaluation, EvaluationOptions, EvaluationProtocol } from './evaluate-files/evaluation.ts';
export type {
  CellMeasure,
  DerivedCell,
  Experiment,
  ExperimentSystem,
  PublishedCell,
} from './experiments/experiment.ts';
export { experimentMetrics, type ExperimentMetric } from './experiments/experiment-metrics.ts';
export { SystemRunner, type ExperimentJob } from './experiments/run-systems.ts';
export { fineTuneFolder, type FineTuneOptions, type FineTuneSummary } from './fine-tuning/fine-tune.ts';
export { fitFolder, type FitOptions } from './fit.ts';
export type { FitResult } from './fit-result.ts';
export { mergeAll, mergeStage, type LabelTables, type Merge } from './merge/merge-stage.ts';
export { imagesStage, indexPhotos, stageContext } from './photos/index-photos.ts';
export { defaultMinScore, predictFolder, type PredictedFolder, type PredictFolderOptions } from './predict-folder.ts';
export { engineChoices, type EngineChoice } from './predict/inference-engine.ts';
export { predictAll, predictStage, type PredictAllOptions, type PredictionTables } from './predict/predict-stage.ts';
export type { CreateBackbone } from './propose/open-backbone.ts';
export type { Propose } from './propose/propose-on-photo.ts';
export { proposeAll, proposeStage, type ProposalTables } from './propose/propose-stage.ts';
export type { RunSummary } from './report/summary.ts';
export { parseShard, photosPerPartition, type Shard } from './run/partitions.ts';
export { numPartitions, photosOf, type PhotoIndex } from './run/photo-index.ts';
export { silentReporter, type Reporter } from './run/reporter.ts';
export { RunDirectory } from './run/run-directory.ts';
export { fillPartitions, runStage, stageFolder, type PartitionsToFill, type StageWork } from './run/run-stage.ts';
export type { StageContext } from './run/stage-context.ts';
export { Results, type FitContext, type Part, type Stage, type StageCommand, type StageLine } from './run/stage.ts';
export { scoreSplit, type ScoreSplitOptions } from './score-split.ts';
export { segmentAll, semanticsStage, type SemanticTables } from './semantics/semantics-stage.ts';
export {
  finalModel,
  roundsStage,
  selfTrainModel,
  trainModel,
  trainStage,
  type TrainedModel,
} from './train/train-stage.ts';
export { stages } from './stages.ts';
