export {
  augment,
  augmentDefaults,
  shortestEdgeSize,
  type AugmentOptions,
  type ImageResizer,
  type LargeScaleJitter,
} from './augment/augment.ts';
export { jitterColor, type ColorJitter } from './augment/color-jitter.ts';
export { copyPasteRandom, type CopyPasteRandom } from './copy-paste/copy-paste-random.ts';
export { copyPaste, copyPasteDefaults, type CopyPasteOptions } from './copy-paste/copy-paste.ts';
export {
  mergeDefaults,
  mergePanoptic,
  semanticIgnore,
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
export { clipGradient } from './optimizer/clip-gradient.ts';
export { ema, type Ema } from './optimizer/ema.ts';
export { assertLrSchedule, learningRate, lrScheduleDefaults, type LrSchedule } from './optimizer/lr-schedule.ts';
export {
  parameterRuleDefaults,
  parameterSettings,
  type ModelBuffer,
  type ModelParameter,
  type ParameterRules,
  type ParameterSettings,
} from './optimizer/model-parameters.ts';
export {
  createOptimizer,
  type Gradients,
  type Optimizer,
  type OptimizerChoice,
  type OptimizerOptions,
} from './optimizer/optimizer.ts';
export { preciseBatchNorm } from './optimizer/precise-bn.ts';
export { sgd, sgdDefaults, type SgdOptions } from './optimizer/sgd.ts';
export type { TrainingExample, TrainingSet } from './train/training-set.ts';
