import { panopticRecord, scoringRules, U2SegError, type JsonObject, type PanopticRecord } from '@u2seg/core';
import { arrayAt, cocoCategories, objectAt, panopticSegments } from '@u2seg/core/internal';
import { categoryOf, readImages } from '../coco/coco-json.ts';
import { sortedById, type CocoImage } from '../coco/coco-tables.ts';
import { readJsonList } from '../json/json-list.ts';
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
  const root = objectAt(`${file}: the file`, list.root);
  const own =
    root['categories'] === undefined ? undefined : sortedById(`${file}: categories`, distinctCategories(file, root));
  const known = categories ?? own;
  if (known === undefined) throw new U2SegError('bad-format', `${file}: categories must be a list, got nothing.`);
  const categoryIds = new Map(known.map(({ id }) => [id, id]));
  const images = root['images'] === undefined ? [] : readImages(file, root);
  const listed = images.length === 0 ? undefined : new Map(images.map((image) => [image.id, image]));
  const seen = new Set<number>();
  arrayAt(file, root, 'annotations');
  const annotations: PanopticAnnotation[] = [];
  list.forEach((value, i) => {
    const annotation = panopticRecord(file, i, value, listed, seen, scoringRules);
    const { imageId, fileName } = annotation;
    annotations.push({ imageId, fileName, segments: readSegments(annotation, categoryIds) });
  });
  return { images: sortedById(`${file}: images`, images), categories: known, annotations };
}

/** U2Seg's files list a stuff super-category once per class it pools; what agrees on thing or stuff is one category. */
function distinctCategories(file: string, root: JsonObject): PanopticCategory[] {
  const byId = new Map<number, PanopticCategory>();
  for (const category of cocoCategories(file, root, scoringRules).map(categoryOf)) {
    const known = byId.get(category.id);
    if (known === undefined) byId.set(category.id, category);
    else if (known.isThing !== category.isThing) {
      throw new U2SegError('conflict', `${file}: categories: id ${category.id} is both thing and stuff.`);
    }
  }
  return [...byId.values()];
}

function readSegments(annotation: PanopticRecord, categoryIds: ReadonlyMap<number, number>): PanopticSegment[] {
  return panopticSegments(annotation, categoryIds).map(
    ({ id, category: categoryId, isCrowd, area }): PanopticSegment =>
      area === undefined ? { id, categoryId, isCrowd } : { id, categoryId, isCrowd, area },
  );
}
