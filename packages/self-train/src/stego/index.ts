export {
  fiveCropBoxes,
  fiveCropDefaults,
  fiveCropFeatures,
  fiveCropPhotos,
  type CropBox,
  type FiveCropPhotosOptions,
  type StegoFeatureSource,
  type StegoLabels,
  type StegoPhotoSource,
} from './feature-source.ts';
export {
  segmentLinear,
  trainLinearProbe,
  type LabelledFeatures,
  type LinearProbeWeights,
  type TrainLinearProbeOptions,
} from './linear-probe.ts';
export { globalDescriptors, nearestNeighbors } from './nearest-neighbors.ts';
export { stegoCorrespondence, stegoPresets, type StegoPresetName, type StegoWeights } from './presets.ts';
export {
  segmentStego,
  segmentStegoDefaults,
  type SegmentStegoOptions,
  type StegoCrf,
  type StegoSegmentation,
} from './segment-stego.ts';
export { loadStegoModel, saveStegoModel, StegoModel, type StegoModelConfig } from './stego-model.ts';
export {
  stegoStep,
  type StegoBatch,
  type StegoOptimizers,
  type StegoStepLosses,
  type StegoStepOptions,
} from './stego-step.ts';
export { trainStego, trainStegoDefaults, type TrainStegoOptions, type TrainStegoResult } from './train-stego.ts';
