/** The `segmentation` of a COCO record: polygons, run lengths as a list, or run lengths as the compressed string. */
import type { CocoRules } from './coco-rules.ts';
import { U2SegError } from './errors.ts';
import { badRecord, isJsonObject } from './json-record.ts';
import { rleFromPolygons } from './rle-polygon.ts';
import { rleFromString } from './rle-string.ts';
import type { Rle } from './rle.ts';

interface Size {
  readonly height: number;
  readonly width: number;
}

/** A segmentation whose form is checked; `text` is checked when it is decoded, by {@link decodingText}. */
export type CocoSegmentation =
  | { readonly form: 'polygons'; readonly polygons: readonly (readonly number[])[] }
  | { readonly form: 'counts'; readonly counts: Uint32Array }
  | { readonly form: 'text'; readonly text: string };

/**
 * Checks a `segmentation`.
 *
 * @param where - file and record, as messages shall name them
 * @param size - of the record's image, in pixels
 * @throws U2SegError `bad-format` naming file, record and field: no polygon, one of fewer than three corners or with an odd
 *   number of values, another size than the image's, counts that do not add up
 */
export function cocoSegmentation(where: string, value: unknown, size: Size, rules: CocoRules): CocoSegmentation {
  if (Array.isArray(value)) {
    if (value.length === 0) throw badRecord(where, 'segmentation', 'at least one polygon, or run lengths', value);
    value.forEach((polygon: unknown, i) => checkPolygon(where, polygon, i));
    return { form: 'polygons', polygons: value as number[][] };
  }
  if (!isJsonObject(value)) throw badRecord(where, 'segmentation', 'polygons or { size, counts }', value);
  const { height, width } = size;
  const { counts } = value;
  checkSize(where, value['size'], size, rules);
  if (typeof counts === 'string') return { form: 'text', text: counts };
  if (!Array.isArray(counts)) throw badRecord(where, 'segmentation.counts', 'a string or a list', counts);
  let sum = 0;
  counts.forEach((count: unknown, i) => {
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      throw badRecord(where, `segmentation.counts[${i}]`, 'a whole number of at least 0', count);
    }
    sum += count as number;
  });
  if (sum !== height * width) {
    throw badRecord(where, 'segmentation.counts', `lengths that add up to ${height} x ${width} pixels`, sum);
  }
  return { form: 'counts', counts: Uint32Array.from(counts as number[]) };
}

/**
 * The mask of a `segmentation`.
 *
 * @throws U2SegError `bad-format` as {@link cocoSegmentation}
 */
export function cocoMask(where: string, value: unknown, size: Size, rules: CocoRules): Rle {
  const { height, width } = size;
  const segmentation = cocoSegmentation(where, value, size, rules);
  if (segmentation.form === 'polygons') return rleFromPolygons(segmentation.polygons, height, width);
  if (segmentation.form === 'counts') return { height, width, counts: segmentation.counts };
  return decodingText(where, () => rleFromString(height, width, segmentation.text));
}

/** Runs `decode`, a decoder of compressed strings, so that its complaint names file, record and field. */
export function decodingText<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    const reason = cause instanceof U2SegError ? cause.message : String(cause);
    throw new U2SegError('bad-format', `${where}: segmentation.counts: ${reason}`, { cause });
  }
}

function checkSize(where: string, size: unknown, { height, width }: Size, rules: CocoRules): void {
  const fits = Array.isArray(size) && (rules.longSizes || size.length === 2) && size[0] === height && size[1] === width;
  if (!fits) throw badRecord(where, 'segmentation.size', `[${height}, ${width}], the size of its image`, size);
}

function checkPolygon(where: string, polygon: unknown, i: number): void {
  const field = `segmentation[${i}]`;
  if (!Array.isArray(polygon) || polygon.length < 6 || polygon.length % 2 !== 0) {
    throw badRecord(where, field, 'x, y of at least three corners', polygon);
  }
  for (const value of polygon as unknown[]) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw badRecord(where, field, 'made of finite numbers', value);
    }
  }
}
