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

/** @throws U2SegError `bad-format` naming the file, and record and field of a NaN or Infinity that Python wrote */
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
      : isObject(value)
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

export function finiteAt(
  file: string,
  record: string,
  owner: JsonObject,
  field: string,
  min: number = -Infinity,
): number {
  const value = owner[field];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
    const wanted = min === -Infinity ? 'a finite number' : `a finite number of at least ${min}`;
    throw badRecord(file, record, field, wanted, value);
  }
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

/** Pixels that run lengths, counted in 32 bits, can address. */
const maxPixels = 2 ** 32 - 1;

/** Height and width of an image record. */
export function sizeAt(file: string, record: string, owner: JsonObject): { height: number; width: number } {
  const height = integerAt(file, record, owner, 'height', 1);
  const width = integerAt(file, record, owner, 'width', 1);
  if (height * width > maxPixels) throw badRecord(file, record, 'height x width', 'below 2^32 pixels', height * width);
  return { height, width };
}
