/** What our other packages and the tests take beyond what is promised to others; it may change in any release. */
export { bboxAt, cocoCategories, cocoInstanceShape, isAbsent } from './coco-records.ts';
export { cocoMask, cocoSegmentation, decodingText } from './coco-segmentation.ts';
export { errorCodes, isErrorCode } from './errors.ts';
export {
  arrayAt,
  badRecord,
  entryAt,
  finiteAt,
  integerAt,
  isJsonObject,
  notJson,
  objectAt,
  parseJson,
  textAt,
} from './json-record.ts';
export { panopticSegments } from './panoptic-records.ts';
export { bilinearTaps } from './resample.ts';
export { decodeRleString } from './rle-string.ts';
