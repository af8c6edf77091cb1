/** The parts all COCO JSON files share: images and categories. */
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { quoteName } from '../read-source.ts';
import type { DatasetCategory, DatasetImage } from './dataset.ts';
import { asObject, type JsonObject, malformed, needArray, needInteger, needText, optionalFlag } from './json-record.ts';

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
  return needText(where, record, 'file_name');
};

/**
 * Checks and indexes `images` and `categories`.
 *
 * @throws U2SegError `bad-format` naming file, record and field
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
  needArray(name, json, 'images').forEach((value, i) => {
    const where = `${name}: images[${i}]`;
    const record = asObject(where, value);
    const numericId = needInteger(where, record, 'id');
    if (images.has(numericId)) throw duplicate(where, numericId);
    const height = needInteger(where, record, 'height', 1);
    const width = needInteger(where, record, 'width', 1);
    images.set(numericId, {
      id: String(numericId),
      numericId,
      path: join(imageFolder, pathOf(record, where)),
      height,
      width,
    });
  });
  const categories = new Map<number, DatasetCategory>();
  needArray(name, json, 'categories').forEach((value, i) => {
    const where = `${name}: categories[${i}]`;
    const record = asObject(where, value);
    const id = needInteger(where, record, 'id');
    if (categories.has(id)) throw duplicate(where, id);
    const supercategory = typeof record['supercategory'] === 'string' ? record['supercategory'] : '';
    const isThing = record['isthing'] === undefined ? things : optionalFlag(where, record, 'isthing');
    categories.set(id, { id, name: needText(where, record, 'name'), supercategory, isThing });
  });
  return { name, images, categories };
}

export function duplicate(where: string, id: number): U2SegError {
  return new U2SegError('bad-format', `${where}: id ${id} occurs twice.`);
}

/** The image or category an annotation points at. */
export function lookUp<T>(
  where: string,
  record: JsonObject,
  field: string,
  table: ReadonlyMap<number, T>,
  list: string,
): T {
  const entry = table.get(needInteger(where, record, field));
  if (entry === undefined) throw malformed(`${where}: ${field}`, `an id of ${list}`, record[field]);
  return entry;
}
