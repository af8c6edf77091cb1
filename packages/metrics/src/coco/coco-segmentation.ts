import { rleFromPolygons, U2SegError } from '@u2seg/core';
import { badRecord, isObject } from '../json/json-record.ts';
import type { RunTableBuilder } from './run-table.ts';

/**
 * Reads a COCO `segmentation` (polygons, run lengths as a list, or as the compressed string) into a table of masks.
 *
 * @throws U2SegError `bad-format` naming file, record and field: another size than the image's, counts that do not add up,
 *   a polygon of fewer than three corners or with an odd number of values
 */
export function addSegmentation(
  file: string,
  record: string,
  value: unknown,
  image: { readonly height: number; readonly width: number },
  into: RunTableBuilder,
): void {
  const { height, width } = image;
  if (Array.isArray(value)) {
    if (value.length === 0)
      throw badRecord(file, record, 'segmentation', 'at least one polygon, or run lengths', value);
    value.forEach((polygon: unknown, i) => checkPolygon(file, record, polygon, i));
    into.add(rleFromPolygons(value as number[][], height, width));
    return;
  }
  if (!isObject(value)) {
    throw badRecord(file, record, 'segmentation', 'polygons or { size, counts }', value);
  }
  const { size, counts } = value;
  if (!Array.isArray(size) || size.length !== 2 || size[0] !== height || size[1] !== width) {
    throw badRecord(file, record, 'segmentation.size', `[${height}, ${width}], the size of its image`, size);
  }
  if (typeof counts === 'string') {
    try {
      into.addString(height, width, counts);
      return;
    } catch (cause) {
      const reason = cause instanceof U2SegError ? cause.message : String(cause);
      throw new U2SegError('bad-format', `${file}: ${record}: segmentation.counts: ${reason}`, { cause });
    }
  }
  if (!Array.isArray(counts)) throw badRecord(file, record, 'segmentation.counts', 'a string or a list', counts);
  let sum = 0;
  counts.forEach((count: unknown, i) => {
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      throw badRecord(file, record, `segmentation.counts[${i}]`, 'a whole number of at least 0', count);
    }
    sum += count as number;
  });
  if (sum !== height * width) {
    throw badRecord(file, record, 'segmentation.counts', `lengths that add up to ${height} x ${width} pixels`, sum);
  }
  into.add({ height, width, counts: Uint32Array.from(counts as number[]) });
}

function checkPolygon(file: string, record: string, polygon: unknown, i: number): void {
  const field = `segmentation[${i}]`;
  if (!Array.isArray(polygon) || polygon.length < 6 || polygon.length % 2 !== 0) {
    throw badRecord(file, record, field, 'x, y of at least three corners', polygon);
  }
  for (const value of polygon as unknown[]) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw badRecord(file, record, field, 'made of finite numbers', value);
    }
  }
}
