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

/**
 * A segmentation whose form is checked; `text` is checked when it is decoded, by {@link decodingText}. `none` is a record without a
 * mask: nothing, or nothing in it. Run lengths carry the size of their mask.
 */
export type CocoSegmentation =
  | { readonly form: 'none' }
  | { readonly form: 'polygons'; readonly polygons: readonly (readonly number[])[] }
  | (Size & { readonly form: 'counts'; readonly counts: Uint32Array })
  | (Size & { readonly form: 'text'; readonly text: string });

/** Numbers of a polygon of three corners; what has fewer covers no pixel. */
const fewestNumbers = 6;

/**
 * Checks a `segmentation`. Polygons of fewer than three corners count for nothing; where nothing is left the form is `none`.
 *
 * @param where - file and record, as messages shall name them
 * @param size - of the record's image, in pixels; 0 x 0 where it is not known: run lengths then have their own, polygons no mask
 * @throws U2SegError `bad-format` naming file, record and field: a polygon with an odd number of values, another size than the
 *   image's, counts that do not add up
 */
export function cocoSegmentation(where: string, value: unknown, size: Size, rules: CocoRules): CocoSegmentation {
  if (value === undefined || value === null) return { form: 'none' };
  if (Array.isArray(value)) {
    value.forEach((polygon: unknown, i) => checkPolygon(where, polygon, i));
    const polygons = (value as number[][]).filter(({ length }) => length >= fewestNumbers);
    return polygons.length === 0 || size.height === 0 ? { form: 'none' } : { form: 'polygons', polygons };
  }
  if (!isJsonObject(value)) throw badRecord(where, 'segmentation', 'polygons or { size, counts }', value);
  const { counts } = value;
  const { height, width } = size.height === 0 ? ownSize(where, value['size']) : size;
  checkSize(where, value['size'], { height, width }, rules);
  if (typeof counts === 'string')
    return counts === '' ? { form: 'none' } : { form: 'text', text: counts, height, width };
  if (!Array.isArray(counts)) throw badRecord(where, 'segmentation.counts', 'a string or a list', counts);
  if (counts.length === 0) return { form: 'none' };
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
  return { form: 'counts', counts: Uint32Array.from(counts as number[]), height, width };
}

/**
 * The mask of a `segmentation`; undefined where the record has none.
 *
 * @throws U2SegError `bad-format` as {@link cocoSegmentation}
 */
export function cocoMask(where: string, value: unknown, size: Size, rules: CocoRules): Rle | undefined {
  const segmentation = cocoSegmentation(where, value, size, rules);
  if (segmentation.form === 'none') return undefined;
  if (segmentation.form === 'polygons') return rleFromPolygons(segmentation.polygons, size.height, size.width);
  const { height, width } = segmentation;
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

/** The size that run lengths state where their image has none. */
function ownSize(where: string, size: unknown): Size {
  const [height, width] = (Array.isArray(size) ? size : []) as unknown[];
  const wanted = (side: unknown): side is number => Number.isSafeInteger(side) && (side as number) > 0;
  if (!wanted(height) || !wanted(width) || height * width >= 2 ** 32) {
    throw badRecord(where, 'segmentation.size', '[height, width] of fewer than 2^32 pixels', size);
  }
  return { height, width };
}

function checkSize(where: string, size: unknown, { height, width }: Size, rules: CocoRules): void {
  const fits = Array.isArray(size) && (rules.longSizes || size.length === 2) && size[0] === height && size[1] === width;
  if (!fits) throw badRecord(where, 'segmentation.size', `[${height}, ${width}], the size of its image`, size);
}

function checkPolygon(where: string, polygon: unknown, i: number): void {
  const field = `segmentation[${i}]`;
  if (!Array.isArray(polygon) || polygon.length % 2 !== 0) {
    throw badRecord(where, field, 'x, y of at least three corners', polygon);
  }
  for (const value of polygon as unknown[]) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw badRecord(where, field, 'made of finite numbers', value);
    }
  }
}
