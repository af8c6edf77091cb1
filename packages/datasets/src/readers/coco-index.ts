/** The parts all COCO JSON files share: images and categories. */
import { join } from 'node:path';
import { cocoImages, datasetRules, U2SegError, type JsonObject } from '@u2seg/core';
import { cocoCategories, textAt } from '@u2seg/core/internal';
import { quoteName } from '../read-source.ts';
import type { DatasetCategory, DatasetImage } from './dataset.ts';

export interface CocoImage extends DatasetImage {
  readonly numericId: number;
  readonly height: number;
  readonly width: number;
}

export interface CocoIndex {
  /** The JSON file, quoted for messages. */
  readonly name: string;
  readonly images: ReadonlyMap<number, CocoImage>;
  readonly categories: ReadonlyMap<number, DatasetCategory>;
}

/** Where an image of a COCO JSON lies, relative to the image folder. */
export type ImagePathRule = (record: JsonObject, where: string) => string;

/** `file_name`; LVIS leaves it out and names the split's folder and the file in `coco_url`. */
export const cocoImagePath: ImagePathRule = (record, where) => {
  if (record['file_name'] === undefined && typeof record['coco_url'] === 'string') {
    return record['coco_url'].split('/').slice(-2).join('/');
  }
  return textAt(where, record, 'file_name');
};

/**
 * Checks and indexes `images` and `categories`.
 *
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an id that occurs twice
 */
export function readCocoIndex(
  path: string,
  json: JsonObject,
  imageFolder: string,
  pathOf: ImagePathRule,
  things: boolean = true,
): CocoIndex {
  const name = quoteName(path);
  const images = new Map<number, CocoImage>();
  cocoImages(name, json, datasetRules).forEach(({ id: numericId, height, width, record, where }, i) => {
    if (images.has(numericId)) throw duplicate(`${name}: images[${i}]`, numericId);
    const file = join(imageFolder, pathOf(record, where));
    images.set(numericId, { id: String(numericId), numericId, path: file, height, width });
  });
  const categories = new Map<number, DatasetCategory>();
  cocoCategories(name, json, datasetRules, things).forEach((category, i) => {
    const { id, name: called, supercategory, isThing } = category;
    if (categories.has(id)) throw duplicate(`${name}: categories[${i}]`, id);
    categories.set(id, { id, name: called, supercategory, isThing });
  });
  return { name, images, categories };
}

function duplicate(where: string, id: number): U2SegError {
  return new U2SegError('conflict', `${where}: id ${id} occurs twice.`);
}
