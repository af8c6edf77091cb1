/** COCO instances JSON, and every data set that is distributed in that form. */
import { assertRle, type Rle, rleFromPolygons, rleFromString, U2SegError } from '@u2seg/core';
import { cocoImagePath, type CocoImage, duplicate, type ImagePathRule, lookUp, readCocoIndex } from './coco-index.ts';
import type { AnnotatedSegment, Dataset, DatasetCategory } from './dataset.ts';
import {
  asObject,
  type JsonObject,
  malformed,
  needArray,
  needBbox,
  needInteger,
  needNumber,
  optionalFlag,
  readJsonObject,
} from './json-record.ts';

export interface CocoInstancesFiles {
  readonly name: string;
  readonly split: string;
  /** The instances JSON. */
  readonly annotations: string;
  readonly imageFolder: string;
  /** How an image's record names its file; by `file_name` unless told otherwise. */
  readonly imagePath?: ImagePathRule;
  /** What categories are that do not say so with `isthing`; things unless told otherwise (COCO's stuff JSON is told). */
  readonly isThing?: boolean;
}

/**
 * Opens a COCO instances JSON. Ids are checked at once; polygons and run lengths are read image by image.
 *
 * An annotation without `segmentation` is a box. Images without annotations stay in the list.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, record and field
 */
export async function openCocoInstances(files: CocoInstancesFiles): Promise<Dataset> {
  const json = await readJsonObject(files.annotations);
  const index = readCocoIndex(
    files.annotations,
    json,
    files.imageFolder,
    files.imagePath ?? cocoImagePath,
    files.isThing,
  );
  const ofImage = new Map<number, { record: JsonObject; where: string; category: DatasetCategory }[]>();
  const ids = new Set<number>();
  needArray(index.name, json, 'annotations').forEach((value, i) => {
    const record = asObject(`${index.name}: annotations[${i}]`, value);
    const id = needInteger(`${index.name}: annotations[${i}]`, record, 'id');
    const where = `${index.name}: annotations[${i}] (id ${id})`;
    if (ids.has(id)) throw duplicate(`${index.name}: annotations[${i}]`, id);
    ids.add(id);
    const { numericId } = lookUp(where, record, 'image_id', index.images, 'images');
    const category = lookUp(where, record, 'category_id', index.categories, 'categories');
    const list = ofImage.get(numericId);
    if (list === undefined) ofImage.set(numericId, [{ record, where, category }]);
    else list.push({ record, where, category });
  });
  return {
    name: files.name,
    split: files.split,
    categories: [...index.categories.values()],
    images: [...index.images.values()],
    load: async (image) => {
      const known = index.images.get(Number(image.id));
      if (known === undefined) throw new U2SegError('not-found', `${index.name}: there is no image ${image.id}.`);
      const segments = (ofImage.get(known.numericId) ?? []).map(({ record, where, category }) =>
        readInstance(where, record, category, known),
      );
      const { id, path, height, width } = known;
      return { id, path, height, width, segments };
    },
  };
}

function readInstance(
  where: string,
  record: JsonObject,
  category: DatasetCategory,
  image: CocoImage,
): AnnotatedSegment {
  const bboxXywh = needBbox(where, record);
  const isCrowd = optionalFlag(where, record, 'iscrowd');
  const { segmentation } = record;
  const boxOnly =
    segmentation === undefined || segmentation === null || (Array.isArray(segmentation) && segmentation.length === 0);
  const area = record['area'] === undefined ? bboxXywh[2] * bboxXywh[3] : needNumber(where, record, 'area', 0);
  const segment = { categoryId: category.id, isThing: category.isThing, bboxXywh, area, isCrowd };
  return boxOnly ? segment : { ...segment, mask: readSegmentation(where, segmentation, image.height, image.width) };
}

/**
 * A `segmentation` of COCO: polygons, run lengths, or the compressed string.
 *
 * @throws U2SegError `bad-format`
 */
export function readSegmentation(where: string, value: unknown, height: number, width: number): Rle {
  const field = `${where}: segmentation`;
  if (Array.isArray(value)) {
    value.forEach((polygon, i) => {
      const fine =
        Array.isArray(polygon) && polygon.length >= 6 && polygon.length % 2 === 0 && polygon.every(Number.isFinite);
      if (!fine) throw malformed(`${field}[${i}]`, 'a polygon: at least three pairs of finite numbers', polygon);
    });
    return rleFromPolygons(value as number[][], height, width);
  }
  const record = asObject(field, value);
  const size = needArray(field, record, 'size');
  if (size[0] !== height || size[1] !== width)
    throw malformed(`${field}.size`, `[${height}, ${width}] as the image`, size);
  const { counts } = record;
  try {
    if (typeof counts === 'string') return rleFromString(height, width, counts);
    if (
      !Array.isArray(counts) ||
      !counts.every((count) => Number.isSafeInteger(count) && count >= 0 && count <= height * width)
    ) {
      throw malformed(`${field}.counts`, 'a text or a list of integers from 0 to height x width', counts);
    }
    const rle = { height, width, counts: Uint32Array.from(counts as number[]) };
    assertRle(field, rle);
    return rle;
  } catch (cause) {
    const { message } = cause as Error;
    throw new U2SegError('bad-format', message.startsWith(field) ? message : `${field}: ${message}`, { cause });
  }
}
