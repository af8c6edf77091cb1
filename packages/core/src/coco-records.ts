/** Records of COCO JSON files of instances, from the parsed document to checked values. */
import type { CocoRules } from './coco-rules.ts';
import { U2SegError } from './errors.ts';
import { arrayAt, badRecord, entryAt, finiteAt, integerAt, objectAt, textAt, type JsonObject } from './json-record.ts';
import type { BboxXywh } from './rle.ts';

/** A record and how messages name it. */
export interface CocoRecord {
  /** File and record, for example `gt.json: images[3] (id 7)`. */
  readonly where: string;
  readonly record: JsonObject;
}

export interface CocoImageRecord extends CocoRecord {
  readonly id: number;
  /** Pixels; 0, as the width, where the file does not say and the rules let it. */
  readonly height: number;
  readonly width: number;
}

export interface CocoCategoryRecord extends CocoRecord {
  readonly id: number;
  readonly name: string;
  /** Empty where the file has none. */
  readonly supercategory: string;
  readonly isThing: boolean;
}

/** An instance's place among images and categories, of which I and C are what the caller keeps. */
export interface CocoInstanceRecord<I, C> extends CocoRecord {
  readonly id: number;
  readonly image: I;
  readonly category: C;
}

export interface CocoInstanceShape {
  /** Input pixels; sides of at least 0. */
  readonly bboxXywh: BboxXywh;
  /** Square pixels, at least 0; the box's where the file states none. */
  readonly area: number;
  /** Whether the file states the area. */
  readonly areaStated: boolean;
  readonly isCrowd: boolean;
}

/**
 * The list `images`, in the order of the file. Names of files are left to the caller.
 *
 * @param file - as messages shall name it
 * @throws U2SegError `bad-format` naming file, record and field
 */
export function cocoImages(file: string, root: JsonObject, rules: CocoRules): CocoImageRecord[] {
  return arrayAt(file, root, 'images').map((value, i) => {
    const at = `${file}: images[${i}]`;
    const record = objectAt(at, value);
    const id = idAt(at, record, rules);
    const where = `${at} (id ${id})`;
    if (rules.unsized && (isUnsaid(record['height']) || isUnsaid(record['width']))) {
      return { where, record, id, height: 0, width: 0 };
    }
    const height = integerAt(where, record, 'height', 1);
    const width = integerAt(where, record, 'width', 1);
    if (!rules.hugeImages && height * width >= 2 ** 32) {
      throw badRecord(where, 'height x width', 'below 2^32 pixels', height * width);
    }
    return { where, record, id, height, width };
  });
}

/**
 * The list `categories`, in the order of the file.
 *
 * @param things - what categories are that do not say so with `isthing`
 * @throws U2SegError `bad-format` naming file, record and field
 */
export function cocoCategories(
  file: string,
  root: JsonObject,
  rules: CocoRules,
  things: boolean = true,
): CocoCategoryRecord[] {
  return arrayAt(file, root, 'categories').map((value, i) => {
    const at = `${file}: categories[${i}]`;
    const record = objectAt(at, value);
    const id = idAt(at, record, rules);
    const where = `${at} (id ${id})`;
    const { name, supercategory } = record;
    return {
      where,
      record,
      id,
      name: !rules.unnamed ? textAt(where, record, 'name') : typeof name === 'string' ? name : String(id),
      supercategory: typeof supercategory === 'string' ? supercategory : '',
      isThing: flagAt(where, record, 'isthing', things),
    };
  });
}

/**
 * Element `index` of `annotations` of an instances file: which instance of which image and category it is.
 *
 * @param seen - ids of the elements before; this one's is added
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an id that occurs twice
 */
export function cocoInstance<I, C>(
  file: string,
  index: number,
  value: unknown,
  images: ReadonlyMap<number, I>,
  categories: ReadonlyMap<number, C>,
  seen: Set<number>,
  rules: CocoRules,
): CocoInstanceRecord<I, C> {
  const at = `${file}: annotations[${index}]`;
  const record = objectAt(at, value);
  const id = idAt(at, record, rules);
  addOnce(seen, id, () => `${at}: id ${id} occurs twice`);
  const where = `${at} (id ${id})`;
  return {
    where,
    record,
    id,
    image: entryAt(where, record, 'image_id', images, 'images'),
    category: entryAt(where, record, 'category_id', categories, 'categories'),
  };
}

/** Box, area and crowd flag of an instance. @throws U2SegError `bad-format` naming file, record and field */
export function cocoInstanceShape({ where, record }: CocoRecord): CocoInstanceShape {
  const bboxXywh = bboxAt(where, record);
  const areaStated = !isAbsent(record['area']);
  const area = areaStated ? finiteAt(where, record, 'area', 0) : bboxXywh[2] * bboxXywh[3];
  return { bboxXywh, area, areaStated, isCrowd: flagAt(where, record, 'iscrowd', false) };
}

/** Whether a field is left out, or null as some exporters leave it out. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Whether a side of an image is left out, or what exporters write that do not know it. */
function isUnsaid(side: unknown): boolean {
  return isAbsent(side) || side === 0 || side === -1;
}

/** `bbox`, [x, y, width, height]. @throws U2SegError `bad-format` unless four finite numbers, sides of at least 0 */
export function bboxAt(where: string, record: JsonObject): BboxXywh {
  const value = record['bbox'];
  if (!Array.isArray(value) || value.length !== 4) throw badRecord(where, 'bbox', '[x, y, width, height]', value);
  for (let i = 0; i < 4; i += 1) {
    if (!Number.isFinite(value[i])) throw badRecord(where, `bbox[${i}]`, 'a finite number', value[i]);
  }
  const [x, y, width, height] = value as [number, number, number, number];
  if (width < 0 || height < 0) throw badRecord(where, 'bbox', 'of width and height 0 or more', value);
  return [x, y, width, height];
}

/** An id. */
export function idAt(where: string, record: JsonObject, rules: CocoRules, field = 'id'): number {
  return integerAt(where, record, field, rules.negativeIds ? -Infinity : 0);
}

/** A flag, as 1 and 0 or as true and false; `absent` where the file has none. */
export function flagAt(where: string, record: JsonObject, field: string, absent: boolean): boolean {
  const value = record[field] ?? (absent ? 1 : 0);
  if (value === 0 || value === 1) return value === 1;
  if (typeof value === 'boolean') return value;
  throw badRecord(where, field, '0 or 1', value);
}

/** @throws U2SegError `conflict` with this complaint if the id was seen before */
export function addOnce(seen: Set<number>, id: number, complaint: () => string): void {
  if (seen.has(id)) throw new U2SegError('conflict', `${complaint()}.`);
  seen.add(id);
}
