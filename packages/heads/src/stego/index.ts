export { Adam, adamDefaults, type AdamOptions } from './adam.ts';
export { keyFeatures, patchTokens } from './backbone-features.ts';
export { ClusterProbe, type ClusterProbeLoss } from './cluster-probe.ts';
export {
  correspondenceDefaults,
  correspondenceLoss,
  correspondencePairs,
  drawPartners,
  type CorrespondenceBatch,
  type CorrespondenceDraws,
  type CorrespondenceLosses,
  type CorrespondenceOptions,
  type PairCorrespondence,
} from './correspondence-loss.ts';
export { drawSampleCoordinates, samplingMatrix, type GridSize } from './grid-sampling.ts';
export { LinearProbe } from './linear-probe.ts';
export { normalizeChannels } from './normalize-channels.ts';
export { detach } from './scalar-losses.ts';
export {
  drawStegoDropout,
  StegoHead,
  stegoDropoutRate,
  stegoHeadDefaults,
  type StegoDropout,
  type StegoHeadOptions,
} from './stego-head.ts';
