export { imagenetNormalization, normalizePixels, type PixelNormalization } from './imagenet-normalization.ts';
export { createOnnxSession, type OnnxSession, onnxSessionDefaults, type OnnxSessionOptions } from './onnx-session.ts';
export { type IntegerProduct } from './vit/integer-product.ts';
export { positionTokens } from './vit/position-embedding.ts';
export {
  parameterShapes,
  readVit,
  type VitArchitecture,
  type VitParameter,
  type VitReadOptions,
  type VitWeights,
} from './vit/vit-architecture.ts';
export { createVitBackbone, VitBackbone, vitBackboneDefaults, type VitBackboneOptions } from './vit/vit-backbone.ts';
export { vitGraph, vitGraphDefaults, type VitGraphOptions, type VitOutput } from './vit/vit-graph.ts';
export { createOnnxExtractor, type OnnxExtractorDeclaration, parseExtractorDeclaration } from './onnx-extractor.ts';
export { createResnetBackbone, resnetBackboneDefaults, type ResnetBackboneOptions } from './resnet/resnet-backbone.ts';
export {
  resnetGraph,
  resnetGraphDefaults,
  type ResnetGraphOptions,
  type ResnetOutput,
  type ResnetStage,
} from './resnet/resnet-graph.ts';
export { type Bottleneck, type FoldedConvolution, readResnet, type ResnetWeights } from './resnet/resnet-weights.ts';
export { loadBackbone, type LoadBackboneOptions, readCheckpoint } from './load-backbone.ts';
export { downloadDefaults, downloadFile, type DownloadOptions, fileSha256 } from './registry/download.ts';
export { findOfficialWeights, officialWeights, type OfficialWeights } from './registry/official-weights.ts';
export {
  type CachedWeights,
  defaultCacheDirectory,
  fetchWeights,
  type WeightCacheOptions,
} from './registry/weight-cache.ts';
export {
  createEmbeddedBackbone,
  embeddedBackboneDefaults,
  type EmbeddedBackboneOptions,
} from './embedded/embedded-backbone.ts';
