import { U2SegError } from '@u2seg/core';

/**
 * Reading of JSON written by others: every complaint names the file, the record and the field.
 *
 * `record` is for example `annotations[12] (id 345)`.
 */
export function badRecord(file: string, record: string, field: string, wanted: string, got: unknown): U2SegError {
  return new U2SegError('bad-format', `${file}: ${record}: ${field} must be ${wanted}, got ${shown(got)}.`);
}

/** A value as it stands in JSON, cut to a readable length. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function parseJson(file: string, source: string | Uint8Array): unknown {
  const text =
    typeof source === 'string'
      ? source
      : Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Python's json writes NaN and Infinity, which are not JSON: say so, since the message of the engine does not
    const constant = /[:,[]\s*(NaN|-?Infinity)/u.exec(text)?.[1];
    const hint = constant === undefined ? '' : ` It holds ${constant}, which Python writes and JSON does not have.`;
    throw new U2SegError('bad-format', `${file}: is not valid JSON.${hint}`, { cause });
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(file: string, record: string, value: unknown): JsonObject {
  if (!isObject(value))
    throw new U2SegError('bad-format', `${file}: ${record} must be an object, got ${shown(value)}.`);
  return value;
}

export function arrayAt(file: string, owner: JsonObject, field: string): readonly unknown[] {
  const value = owner[field];
  if (!Array.isArray(value)) {
    throw new U2SegError('bad-format', `${file}: ${field} must be a list, got ${shown(value)}.`);
  }
  return value;
}

export function finiteAt(file: string, record: string, owner: JsonObject, field: string): number {
  const value = owner[field];
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw badRecord(file, record, field, 'a finite number', value);
  return value;
}

export function integerAt(file: string, record: string, owner: JsonObject, field: string, min = 0): number {
  const value = owner[field];
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw badRecord(file, record, field, `a whole number of at least ${min}`, value);
  }
  return value as number;
}

/** Writes a box [x, y, w, h] to `out` at row `row`. */
export function bboxInto(file: string, record: string, value: unknown, out: Float64Array, row: number): void {
  if (!Array.isArray(value) || value.length !== 4)
    throw badRecord(file, record, 'bbox', '[x, y, width, height]', value);
  for (let i = 0; i < 4; i += 1) {
    const number: unknown = value[i];
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      throw badRecord(file, record, `bbox[${i}]`, 'a finite number', number);
    }
    out[4 * row + i] = number;
  }
  if (out[4 * row + 2]! < 0 || out[4 * row + 3]! < 0) {
    throw badRecord(file, record, 'bbox', 'of width and height 0 or more', value);
  }
}
