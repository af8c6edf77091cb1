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
export type { ImageSource } from './read-source.ts';
