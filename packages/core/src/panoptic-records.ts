/** Records of COCO panoptic JSON files, from the parsed document to checked values. */
import { addOnce, bboxAt, flagAt, idAt, isAbsent, type CocoRecord } from './coco-records.ts';
import type { CocoRules } from './coco-rules.ts';
import { arrayAt, entryAt, finiteAt, integerAt, objectAt, textAt } from './json-record.ts';
import type { BboxXywh } from './rle.ts';

export interface PanopticRecord extends CocoRecord {
  readonly imageId: number;
  /** Name of the PNG. */
  readonly fileName: string;
}

export interface PanopticSegmentRecord<C> extends CocoRecord {
  /** At least 1. */
  readonly id: number;
  readonly category: C;
  readonly isCrowd: boolean;
  /** Square pixels as the file states them, whole or not; the map need not agree. */
  readonly area?: number;
  readonly bboxXywh?: BboxXywh;
}

/**
 * Element `index` of `annotations` of a panoptic file, its segments unread.
 *
 * @param images - ids it may have; undefined where the file lists no images
 * @param seen - images annotated before; this one is added
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an image that is annotated twice
 */
export function panopticRecord(
  file: string,
  index: number,
  value: unknown,
  images: ReadonlyMap<number, unknown> | undefined,
  seen: Set<number>,
  rules: CocoRules,
): PanopticRecord {
  const at = `${file}: annotations[${index}]`;
  const record = objectAt(at, value);
  const imageId = idAt(at, record, rules, 'image_id');
  const where = `${at} (image ${imageId})`;
  if (images !== undefined) entryAt(where, record, 'image_id', images, 'images');
  addOnce(seen, imageId, () => `${at}: image ${imageId} is annotated twice`);
  const fileName = rules.unnamed && record['file_name'] === '' ? '' : textAt(where, record, 'file_name');
  arrayAt(where, record, 'segments_info');
  return { where, record, imageId, fileName };
}

/**
 * The segments of a panoptic image.
 *
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an id that occurs twice
 */
export function panopticSegments<C>(
  { where, record }: CocoRecord,
  categories: ReadonlyMap<number, C>,
): PanopticSegmentRecord<C>[] {
  const seen = new Set<number>();
  return arrayAt(where, record, 'segments_info').map((value, i) => {
    const at = `${where}: segments_info[${i}]`;
    const segment = objectAt(at, value);
    const id = integerAt(at, segment, 'id', 1);
    addOnce(seen, id, () => `${at}: id ${id} occurs twice in this image`);
    const category = entryAt(at, segment, 'category_id', categories, 'categories');
    const isCrowd = flagAt(at, segment, 'iscrowd', false);
    return {
      where: at,
      record: segment,
      id,
      category,
      isCrowd,
      ...(isAbsent(segment['bbox']) ? {} : { bboxXywh: bboxAt(at, segment) }),
      ...(isAbsent(segment['area']) ? {} : { area: finiteAt(at, segment, 'area', 0) }),
    };
  });
}
