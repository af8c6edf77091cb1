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
export { datasetCatalog, findDataset, openDataset } from './readers/catalog.ts';
export { cityscapesCategories, openCityscapes } from './readers/cityscapes.ts';
export { openCocoInstances, type CocoInstancesFiles } from './readers/coco-instances.ts';
export { masksOfIds, openCocoPanoptic, type CocoPanopticFiles } from './readers/coco-panoptic.ts';
export {
  checkDataset,
  openFromSpec,
  type DatasetCheck,
  type DatasetSpec,
  type OpenDatasetOptions,
} from './readers/dataset-spec.ts';
export {
  readSamples,
  type AnnotatedSegment,
  type Dataset,
  type DatasetCategory,
  type DatasetImage,
  type DatasetSample,
} from './readers/dataset.ts';
export { kittiCategories, openKitti } from './readers/kitti.ts';
export { drawLabelled, labelPercentages, labelSplitSeed, selectImages } from './readers/label-split.ts';
export { openOpenImages, type OpenImagesFiles } from './readers/openimages.ts';
export { openPhotoFolder, type PhotoFolderFiles } from './readers/photo-folder.ts';
export { openSemanticPairs, type SemanticPairsFiles } from './readers/semantic-pairs.ts';
export { openVocBoxes, openVocMasks, vocCategories, vocSixCategories, type VocFiles } from './readers/voc.ts';
export {
  LabelWriter,
  openLabelWriter,
  type ImageLabel,
  type LabelCategory,
  type LabelledImage,
  type LabelWriterOptions,
  type WrittenLabels,
} from './labels/label-writer.ts';
