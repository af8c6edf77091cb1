import { U2SegError } from '@u2seg/core';
import { readCategories } from '../coco/coco-json.ts';
import { sortedById, type CocoImage } from '../coco/coco-tables.ts';
import { readJsonList } from '../json/json-list.ts';
import { arrayAt, badRecord, integerAt, objectAt, sizeAt, type JsonObject } from '../json/json-record.ts';
import type { PanopticSegment } from './panoptic-image.ts';
import type { PanopticCategory } from './panoptic-quality.ts';

/** The segments of one image and the PNG that holds its map. */
export interface PanopticAnnotation {
  readonly imageId: number;
  /** Name of the PNG in the folder beside the JSON. */
  readonly fileName: string;
  readonly segments: readonly PanopticSegment[];
}

/** A COCO panoptic JSON file. */
export interface PanopticDataset {
  /** Sorted by id; empty where the file lists none (predictions may leave them out). */
  readonly images: readonly CocoImage[];
  /** Sorted by id; empty where the file lists none. */
  readonly categories: readonly PanopticCategory[];
  readonly annotations: readonly PanopticAnnotation[];
}

/**
 * Reads a COCO panoptic JSON, ground truth or prediction. The PNGs are the caller's to read; their ids are
 * R + 256 G + 65536 B.
 *
 * @param categories - known from elsewhere (a prediction is checked against its ground truth's); else the file's own
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an image annotated twice or a segment id that
 *   occurs twice
 */
export function readPanopticJson(
  file: string,
  source: string | Uint8Array,
  categories?: readonly PanopticCategory[],
): PanopticDataset {
  const list = readJsonList(file, source, 'annotations');
  const root = objectAt(file, 'the file', list.root);
  const own =
    root['categories'] === undefined ? undefined : sortedById(`${file}: categories`, distinctCategories(file, root));
  const known = categories ?? own;
  if (known === undefined) throw new U2SegError('bad-format', `${file}: categories must be a list, got nothing.`);
  const categoryIds = new Set(known.map((category) => category.id));
  const images = root['images'] === undefined ? [] : readImages(file, root);
  const imageIds = new Set(images.map((image) => image.id));
  const seen = new Set<number>();
  arrayAt(file, root, 'annotations');
  const annotations: PanopticAnnotation[] = [];
  list.forEach((value, i) => {
    const at = `annotations[${i}]`;
    const record = objectAt(file, at, value);
    const imageId = integerAt(file, at, record, 'image_id');
    const name = `${at} (image ${imageId})`;
    if (images.length > 0 && !imageIds.has(imageId)) throw badRecord(file, name, 'image_id', 'one of images', imageId);
    if (seen.has(imageId)) throw new U2SegError('conflict', `${file}: ${at}: image ${imageId} is annotated twice.`);
    seen.add(imageId);
    const fileName = record['file_name'];
    if (typeof fileName !== 'string') throw badRecord(file, name, 'file_name', 'a string', fileName);
    annotations.push({ imageId, fileName, segments: readSegments(file, name, record, categoryIds) });
  });
  return { images: sortedById(`${file}: images`, images), categories: known, annotations };
}

/** U2Seg's files list a stuff super-category once per class it pools; what agrees on thing or stuff is one category. */
function distinctCategories(file: string, root: JsonObject): PanopticCategory[] {
  const byId = new Map<number, PanopticCategory>();
  for (const category of readCategories(file, root)) {
    const known = byId.get(category.id);
    if (known === undefined) byId.set(category.id, category);
    else if (known.isThing !== category.isThing) {
      throw new U2SegError('conflict', `${file}: categories: id ${category.id} is both thing and stuff.`);
    }
  }
  return [...byId.values()];
}

function readSegments(file: string, name: string, record: JsonObject, categoryIds: Set<number>): PanopticSegment[] {
  const ids = new Set<number>();
  return arrayAt(`${file}: ${name}`, record, 'segments_info').map((value, i): PanopticSegment => {
    const at = `${name}: segments_info[${i}]`;
    const segment = objectAt(file, at, value);
    const id = integerAt(file, at, segment, 'id', 1);
    if (ids.has(id)) throw new U2SegError('conflict', `${file}: ${at}: id ${id} occurs twice in this image.`);
    ids.add(id);
    const categoryId = integerAt(file, at, segment, 'category_id');
    if (!categoryIds.has(categoryId)) throw badRecord(file, at, 'category_id', 'one of categories', categoryId);
    const crowd = segment['iscrowd'] ?? 0;
    if (crowd !== 0 && crowd !== 1) throw badRecord(file, at, 'iscrowd', '0 or 1', crowd);
    const area = segment['area'];
    if (area === undefined) return { id, categoryId, isCrowd: crowd === 1 };
    return { id, categoryId, isCrowd: crowd === 1, area: integerAt(file, at, segment, 'area') };
  });
}

function readImages(file: string, root: JsonObject): CocoImage[] {
  return arrayAt(file, root, 'images').map((value, i) => {
    const at = `images[${i}]`;
    const record = objectAt(file, at, value);
    const fileName = record['file_name'];
    return {
      id: integerAt(file, at, record, 'id'),
      ...sizeAt(file, at, record),
      fileName: typeof fileName === 'string' ? fileName : '',
    };
  });
}
