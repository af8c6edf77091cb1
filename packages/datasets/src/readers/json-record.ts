/** Access to records of annotation files that names file, record and field when something else is there than wanted. */
import { readFile, stat } from 'node:fs/promises';
import { U2SegError } from '@u2seg/core';
import { fileError, quoteName } from '../read-source.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Node's longest string; larger JSON must be split first. */
const maxJsonBytes = 512 * 1024 * 1024;

/**
 * Reads a JSON file whose top level is an object.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`, or `unsupported` above 512 MB
 */
export async function readJsonObject(path: string): Promise<JsonObject> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxJsonBytes) {
      throw new U2SegError(
        'unsupported',
        `${quoteName(path)} has ${size} bytes; JSON up to ${maxJsonBytes} can be read.`,
      );
    }
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof U2SegError) throw cause;
    throw fileError('cannot read', path, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new U2SegError('bad-format', `${quoteName(path)} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  return asObject(quoteName(path), value);
}

export function malformed(where: string, wanted: string, got: unknown): U2SegError {
  const shown = JSON.stringify(got) ?? String(got);
  return new U2SegError(
    'bad-format',
    `${where} must be ${wanted}, got ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown}.`,
  );
}

export function asObject(where: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(where, 'an object', value);
  return value as JsonObject;
}

export function needArray(where: string, record: JsonObject, field: string): readonly unknown[] {
  const value = record[field];
  if (!Array.isArray(value)) throw malformed(`${where}: ${field}`, 'a list', value);
  return value;
}

export function needInteger(
  where: string,
  record: JsonObject,
  field: string,
  min: number = Number.MIN_SAFE_INTEGER,
): number {
  const value = record[field];
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw malformed(`${where}: ${field}`, min < 0 ? 'an integer' : `an integer of at least ${min}`, value);
  }
  return value as number;
}

export function needNumber(where: string, record: JsonObject, field: string, min: number = -Infinity): number {
  const value = record[field];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
    throw malformed(
      `${where}: ${field}`,
      min === -Infinity ? 'a finite number' : `a finite number of at least ${min}`,
      value,
    );
  }
  return value;
}

export function needText(where: string, record: JsonObject, field: string): string {
  const value = record[field];
  if (typeof value !== 'string' || value === '') throw malformed(`${where}: ${field}`, 'a text', value);
  return value;
}

/** COCO's flags: 0, 1, true or false; absent means 0. */
export function optionalFlag(where: string, record: JsonObject, field: string): boolean {
  const value = record[field] ?? 0;
  if (value !== 0 && value !== 1 && typeof value !== 'boolean') throw malformed(`${where}: ${field}`, '0 or 1', value);
  return value === 1 || value === true;
}

/** `[x, y, w, h]`, finite, sides not negative. */
export function needBbox(where: string, record: JsonObject): [number, number, number, number] {
  const value = record['bbox'];
  const numbers = Array.isArray(value) && value.length === 4 && value.every((v) => Number.isFinite(v));
  if (!numbers || (value as number[])[2]! < 0 || (value as number[])[3]! < 0) {
    throw malformed(`${where}: bbox`, '[x, y, w, h] of finite numbers with w, h >= 0', value);
  }
  return value as [number, number, number, number];
}
