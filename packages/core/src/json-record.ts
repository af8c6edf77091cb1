/**
 * Reading of JSON written by others: every complaint names the file, the record and the field.
 *
 * `where` is file and record, as messages shall name them, for example `gt.json: annotations[12] (id 345)`.
 */
import { U2SegError } from './errors.ts';

/** The complaint about one field. */
export function badRecord(where: string, field: string, wanted: string, got: unknown): U2SegError {
  return malformed(`${where}: ${field}`, wanted, got);
}

function malformed(what: string, wanted: string, got: unknown): U2SegError {
  return new U2SegError('bad-format', `${what} must be ${wanted}, got ${shown(got)}.`);
}

/** Characters of a value that are shown. */
const maxShown = 80;

/** A value as it stands in JSON, cut to a readable length. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > maxShown ? `${text.slice(0, maxShown - 3)}...` : text;
}

/**
 * A JSON document.
 *
 * @throws U2SegError `bad-format` naming the file, and record and field of a NaN or Infinity that Python wrote
 */
export function parseJson(file: string, source: string | Uint8Array): unknown {
  const text =
    typeof source === 'string'
      ? source
      : Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson(file, '', text, cause);
  }
}

/**
 * Says why a text is not JSON.
 *
 * @param record - the element of a list the text is; empty for a whole file
 */
export function notJson(file: string, record: string, text: string, cause: unknown): U2SegError {
  const constant = pythonConstant(text);
  if (constant !== undefined) {
    const path = joinPath(record, constant.path);
    return new U2SegError(
      'bad-format',
      `${file}: ${path} must be a finite number, got ${constant.name}, which Python writes and JSON does not have.`,
      { cause },
    );
  }
  // positions count from the start of the text, which need not be the file's
  const reason =
    cause instanceof Error ? cause.message.replace(/(?: in JSON)? at position \d+.*$/su, '') : String(cause);
  return new U2SegError('bad-format', `${file}: ${record === '' ? '' : `${record} `}is not valid JSON: ${reason}.`, {
    cause,
  });
}

type Path = readonly (string | number)[];

/** `annotations[3]: bbox[0]`: record, then field. */
function joinPath(record: string, path: Path): string {
  let text = record;
  let inRecord = record !== '';
  path.forEach((step, i) => {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `${inRecord && (i === 0 || typeof path[i - 1] === 'number') ? ': ' : '.'}${step}`;
    inRecord ||= typeof step === 'number';
  });
  return text === '' ? 'the file' : text;
}

/** Python's json writes NaN and Infinity, which JSON does not have: where the first stands, if that is all that is wrong. */
function pythonConstant(text: string): { readonly path: Path; readonly name: string } | undefined {
  const mark = '\u0000python ';
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/gu, (token) =>
    token.startsWith('"') ? token : `"\\u0000python ${token}"`,
  );
  const look = (value: unknown, path: Path): { readonly path: Path; readonly name: string } | undefined => {
    if (typeof value === 'string') return value.startsWith(mark) ? { path, name: value.slice(mark.length) } : undefined;
    const steps: [string | number, unknown][] = Array.isArray(value)
      ? value.map((one, i) => [i, one])
      : isJsonObject(value)
        ? Object.entries(value)
        : [];
    for (const [step, one] of steps) {
      const found = look(one, [...path, step]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  try {
    return look(JSON.parse(marked), []);
  } catch {
    return undefined;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws U2SegError `bad-format` unless `value` is an object */
export function objectAt(where: string, value: unknown): JsonObject {
  if (!isJsonObject(value)) throw malformed(where, 'an object', value);
  return value;
}

/** @throws U2SegError `bad-format` unless the field is a list */
export function arrayAt(where: string, owner: JsonObject, field: string): readonly unknown[] {
  const value = owner[field];
  if (!Array.isArray(value)) throw badRecord(where, field, 'a list', value);
  return value;
}

/** @throws U2SegError `bad-format` unless the field is a finite number, of at least `min` */
export function finiteAt(where: string, owner: JsonObject, field: string, min: number = -Infinity): number {
  const value = owner[field];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
    throw badRecord(where, field, min === -Infinity ? 'a finite number' : `a finite number of at least ${min}`, value);
  }
  return value;
}

/** @throws U2SegError `bad-format` unless the field is a whole number that float64 holds exactly, of at least `min` */
export function integerAt(where: string, owner: JsonObject, field: string, min: number = 0): number {
  const value = owner[field];
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw badRecord(where, field, min === -Infinity ? 'a whole number' : `a whole number of at least ${min}`, value);
  }
  return value as number;
}

/** @throws U2SegError `bad-format` unless the field is a text that is not empty */
export function textAt(where: string, owner: JsonObject, field: string): string {
  const value = owner[field];
  if (typeof value !== 'string' || value === '') throw badRecord(where, field, 'a text', value);
  return value;
}

/**
 * What a field that is an id points at.
 *
 * @param list - what `table` is made of, for example `images`
 * @throws U2SegError `bad-format` unless the field is an id of the table
 */
export function entryAt<T>(
  where: string,
  owner: JsonObject,
  field: string,
  table: ReadonlyMap<number, T>,
  list: string,
): T {
  const id = owner[field];
  const entry = typeof id === 'number' ? table.get(id) : undefined;
  if (entry === undefined) throw badRecord(where, field, `one of ${list}`, id);
  return entry;
}
