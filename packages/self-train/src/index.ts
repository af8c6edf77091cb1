export {
  augment,
  augmentDefaults,
  type AugmentOptions,
  type ImageResizer,
  type LargeScaleJitter,
} from './augment/augment.ts';
export { jitterColor, type ColorJitter } from './augment/color-jitter.ts';
export { SceneComposer, type ComposedScene, type PhotoRegions } from './contours/compose-scene.ts';
export {
  trainContours,
  trainContoursDefaults,
  type ContourRecipe,
  type TrainContoursOptions,
  type TrainContoursResult,
} from './contours/train-contours.ts';
export type { CopyPasteRandom } from './copy-paste/copy-paste-random.ts';
export { copyPaste, copyPasteDefaults, type CopyPasteOptions } from './copy-paste/copy-paste.ts';
export {
  mergeDefaults,
  mergePanoptic,
  type MergeOptions,
  type PaintOrder,
  type PanopticLabel,
  type PanopticSegment,
} from './merge/merge-panoptic.ts';
export {
  pseudoCategories,
  segmentInfos,
  type PseudoCategory,
  type SegmentInfo,
  type SegmentInfoOptions,
} from './merge/panoptic-annotation.ts';
export { adamW, adamWDefaults, type AdamWOptions } from './optimizer/adamw.ts';
export { ema, type Ema } from './optimizer/ema.ts';
export { learningRate, lrScheduleDefaults, type LrSchedule } from './optimizer/lr-schedule.ts';
export {
  parameterRuleDefaults,
  type ModelBuffer,
  type ModelParameter,
  type ParameterRules,
  type ParameterSettings,
} from './optimizer/model-parameters.ts';
export type { OptimizerChoice } from './optimizer/create-optimizer.ts';
export type { Gradients, Optimizer, OptimizerOptions } from './optimizer/optimizer.ts';
export { preciseBatchNorm } from './optimizer/precise-bn.ts';
export { sgd, sgdDefaults, type SgdOptions } from './optimizer/sgd.ts';
export type { StepGradients } from './optimizer/step-gradients.ts';
export { openEventWriter, type EventWriter } from './tensorboard/event-writer.ts';
export { readCheckpoint, type TrainerState } from './train/checkpoint.ts';
export { readCurve, type CurvePoint } from './train/curve-file.ts';
export { trainPanoptic, trainPanopticDefaults, type TrainResult } from './train/train-panoptic.ts';
export type { TrainPanopticOptions, TrainRecipe } from './train/train-recipe.ts';
export { annotatedExample, type AnnotatedClasses, type AnnotatedRegion } from './data/annotated-example.ts';
export type { GradientReducer } from './distributed/gradient-reducer.ts';
export { mpiDefaults, openMpi, type MpiOptions } from './distributed/mpi-reducer.ts';
export type { TrainingExample, TrainingSet } from './data/training-set.ts';
export {
  fiveCropDefaults,
  fiveCropFeatures,
  fiveCropPhotos,
  loadStegoModel,
  nearestNeighbors,
  saveStegoModel,
  segmentLinear,
  segmentStego,
  segmentStegoDefaults,
  StegoModel,
  stegoPresets,
  trainLinearProbe,
  trainStego,
  trainStegoDefaults,
  type CropBox,
  type FiveCropPhotosOptions,
  type LabelledFeatures,
  type LinearProbeWeights,
  type SegmentStegoOptions,
  type StegoBatch,
  type StegoCrf,
  type StegoFeatureSource,
  type StegoLabels,
  type StegoModelConfig,
  type StegoOptimizers,
  type StegoPhotoSource,
  type StegoPresetName,
  type StegoSegmentation,
  type StegoStepLosses,
  type StegoStepOptions,
  type StegoWeights,
  type TrainLinearProbeOptions,
  type TrainStegoOptions,
  type TrainStegoResult,
} from './stego/index.ts';
export {
  predictDefaults,
  predictPanoptic,
  type PanopticPrediction,
  type PredictOptions,
  type Predictor,
} from './prediction/predict-panoptic.ts';
export { cups, cupsSelfTraining } from './presets/cups.ts';
export { fineTunePreset } from './presets/fine-tune.ts';
export { cutlerMaskRcnn, cutlerRound1, cutlerRound2, cutlerStage1 } from './presets/cutler.ts';
export type { TrainPreset } from './presets/preset.ts';
export { trainPreset, trainPresets } from './presets/presets.ts';
export { tiny, tinyAgnostic, tinyRecipe } from './presets/tiny.ts';
export { u2seg300, u2seg800 } from './presets/u2seg.ts';
export { nextLabelDefaults, nextLabels, type NextLabelOptions } from './rounds/next-labels.ts';
export { predictViews, type ConfiguredPredictor, viewDefaults, type ViewOptions } from './prediction/predict-views.ts';
export type { ViewInstances } from './prediction/vote-views.ts';
export {
  selfTrain,
  type LabelStore,
  type RoundResult,
  type SelfTrainOptions,
  type SelfTrainRound,
} from './rounds/self-train.ts';
