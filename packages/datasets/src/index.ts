export {
  decodeImage,
  decodeImageDefaults,
  readImageHeader,
  type DecodeImageOptions,
  type ImageHeader,
} from './decode-image.ts';
export { encodeJpeg, encodeJpegDefaults, encodePng, type EncodeJpegOptions } from './encode-image.ts';
export {
  encodeLabelPng,
  encodePanopticPng,
  readLabelPng,
  readPanopticPng,
  writeLabelPng,
  writePanopticPng,
  type LabelMap,
  type LabelPngOptions,
  type PanopticMap,
} from './label-png.ts';
export {
  listPhotos,
  listPhotosDefaults,
  photoExtensions,
  type ListPhotosOptions,
  type PhotoFile,
  type PhotoListing,
  type SkippedFile,
} from './list-photos.ts';
export { decodePngSamples, type PngSamples } from './png-decode.ts';
export { encodePngSamples } from './png-encode.ts';
export { interpolateBilinear, interpolateNearest, type FieldShape } from './interpolate.ts';
export { normalizeImagenet, imagenetMean, imagenetStd } from './normalize.ts';
export {
  resizePillow,
  resizePillowDefaults,
  resizePillowGray,
  type GrayImage,
  type PillowFilter,
  type ResizePillowOptions,
} from './resize-pillow.ts';
export { resizeShortestEdgeShape } from './resize-shape.ts';
export type { ImageSource } from './read-source.ts';
export {
  generateScene,
  sceneCategories,
  sceneDefaults,
  type Scene,
  type SceneCategory,
  type SceneOptions,
  type SceneSegment,
} from './synthetic/generate-scene.ts';
export {
  syntheticDatasetDefaults,
  writeSyntheticDataset,
  type SyntheticDataset,
  type SyntheticDatasetOptions,
} from './synthetic/write-synthetic.ts';
