import { U2SegError } from '@u2seg/core';
import { notJson, parseJson } from '@u2seg/core/internal';

/**
 * A JSON document of one long list, read in pieces: the whole of it never exists as a string or a tree, so that memory follows
 * the file's size and a file may be longer than the engine's longest string (512 MB).
 */
export interface JsonList {
  /** The document with the list left empty; the list alone is `[]`. */
  readonly root: unknown;
  /** Number of elements; 0 where the document has no such list (`root` then shows what it has instead). */
  readonly length: number;
  /**
   * Visits the elements in order. Nothing of them is kept.
   *
   * @throws U2SegError `bad-format` naming the element that is not valid JSON
   */
  readonly forEach: (visit: (value: unknown, index: number) => void) => void;
}

export interface JsonListOptions {
  /** Bytes of JSON parsed at once: enough to amortise the call, few enough for the result to die young. */
  readonly bytesAtOnce?: number;
}

export const jsonListDefaults: Required<JsonListOptions> = { bytesAtOnce: 1 << 17 };

const [quote, comma, colon, backslash, openList, closeList, openObject] = [...Buffer.from('",:\\[]{')] as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/** 1 for bytes that open a list or an object, 2 for those that close one, 3 for a quotation mark, else 0. */
const nesting = new Uint8Array(256);
for (const [kind, bytes] of ['[{', ']}', '"'].entries())
  for (const byte of Buffer.from(bytes)) nesting[byte] = kind + 1;

/** 1 for the bytes between values. */
const space = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) space[byte] = 1;

/** Where the elements of a list lie: elements `firsts[i]` up to the next lie in bytes [starts[i], ends[i]). */
interface Pieces {
  readonly starts: number[];
  readonly ends: number[];
  readonly firsts: number[];
  length: number;
  /** One past the closing bracket. */
  end: number;
}

/**
 * Finds the list `field` of a JSON object, or the list that is the whole document where `field` is not given.
 *
 * @param file - its name, for error messages
 * @throws U2SegError `bad-format` if the document is not JSON, ends inside the list, or has the field twice
 */
export function readJsonList(
  file: string,
  source: string | Uint8Array,
  field?: string,
  options: JsonListOptions = {},
): JsonList {
  const { bytesAtOnce } = { ...jsonListDefaults, ...options };
  const bytes =
    typeof source === 'string' ? Buffer.from(source) : Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  const start = field === undefined ? listAt(bytes, skipSpace(bytes, 0)) : findField(file, bytes, field);
  if (start < 0) return wholeList(parseJson(file, bytes), field);
  const pieces = splitList(file, bytes, start, field ?? '', bytesAtOnce);
  const around = Buffer.concat([bytes.subarray(0, start), Buffer.from('[]'), bytes.subarray(pieces.end)]);
  return {
    root: parseJson(file, around),
    length: pieces.length,
    forEach: (visit) => {
      pieces.starts.forEach((from, i) => {
        const first = pieces.firsts[i]!;
        const wanted = (pieces.firsts[i + 1] ?? pieces.length) - first;
        const elements = parsePiece(file, field ?? '', bytes.toString('utf8', from, pieces.ends[i]), first, wanted);
        for (let k = 0; k < wanted; k += 1) visit(elements[k], first + k);
      });
    },
  };
}

/** A document without such a list at the place where it is looked for (the field's name may be written with escapes). */
function wholeList(root: unknown, field: string | undefined): JsonList {
  const value: unknown = field === undefined ? root : (root as Record<string, unknown> | null)?.[field];
  const elements: readonly unknown[] = Array.isArray(value) ? value : [];
  return {
    root,
    length: elements.length,
    forEach: (visit) => elements.forEach((element, index) => visit(element, index)),
  };
}

function parsePiece(file: string, list: string, text: string, first: number, wanted: number): readonly unknown[] {
  const inBrackets = `[${text}]`;
  try {
    const elements = JSON.parse(inBrackets) as readonly unknown[];
    if (elements.length === wanted) return elements;
  } catch {
    // one of them is broken: look for it below
  }
  const bytes = Buffer.from(inBrackets);
  const { starts, ends } = splitList(file, bytes, 0, list, 0);
  starts.forEach((from, i) => {
    const element = bytes.toString('utf8', from, ends[i]);
    if (element.trim() === '') throw missingElement(file, list, first + i);
    try {
      JSON.parse(element);
    } catch (cause) {
      throw notJson(file, `${list}[${first + i}]`, element, cause);
    }
  });
  throw missingElement(file, list, first);
}

function missingElement(file: string, list: string, index: number): U2SegError {
  return new U2SegError('bad-format', `${file}: ${list}[${index}] is missing: there is a comma too many.`);
}

/** Byte at which the value of `field` begins, if it is a list; -1 if there is none. */
function findField(file: string, bytes: Buffer, field: string): number {
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== openObject) return -1;
  let found = -1;
  do {
    const key = skipSpace(bytes, at + 1);
    if (bytes[key] !== quote) break;
    const keyEnd = stringEnd(bytes, key);
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== colon) break;
    const value = skipSpace(bytes, at + 1);
    if (bytes.toString('utf8', key + 1, keyEnd - 1) === field) {
      if (found >= 0)
        throw new U2SegError('bad-format', `${file}: ${field} must stand in the file once, got it twice.`);
      found = listAt(bytes, value);
    }
    at = skipSpace(bytes, skipValue(bytes, value));
  } while (bytes[at] === comma);
  return found;
}

function listAt(bytes: Buffer, at: number): number {
  return bytes[at] === openList ? at : -1;
}

/** @param pieceBytes - a piece ends with the first element that ends this far from its start */
function splitList(file: string, bytes: Buffer, start: number, list: string, pieceBytes: number): Pieces {
  const pieces: Pieces = { starts: [], ends: [], firsts: [], length: 0, end: 0 };
  let from = start + 1;
  let first = 0;
  let at = skipSpace(bytes, from);
  if (bytes[at] === closeList) return { ...pieces, end: at + 1 };
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === comma || byte === closeList) {
      pieces.length += 1;
      if (byte === closeList || at - from >= pieceBytes) {
        pieces.starts.push(from);
        pieces.ends.push(at);
        pieces.firsts.push(first);
        from = at + 1;
        first = pieces.length;
      }
      if (byte === closeList) return { ...pieces, end: at + 1 };
      at += 1;
    } else if (nesting[byte] === 2) break;
    else at = skipValue(bytes, at);
  }
  throw new U2SegError('bad-format', `${file}: is not valid JSON: it ends inside ${list}[${pieces.length}].`);
}

/** One past the end of the value, or of the white space, that begins at `at`. */
function skipValue(bytes: Buffer, at: number): number {
  const kind = nesting[bytes[at]!];
  if (kind === 3) return stringEnd(bytes, at);
  if (kind !== 1) {
    let end = at + 1;
    while (end < bytes.length && bytes[end] !== comma && nesting[bytes[end]!] === 0) end += 1;
    return end;
  }
  const n = bytes.length;
  let depth = 0;
  for (let i = at; i < n;) {
    let byte = bytes[i]!;
    // digits, commas, dots and signs, most of a file of polygons, lie between the quotation mark and the brackets
    while (byte > quote && byte < openList) {
      i += 1;
      byte = i < n ? bytes[i]! : 0;
    }
    if (byte === quote) i = stringEnd(bytes, i);
    else {
      i += 1;
      const kindHere = nesting[byte]!;
      if (kindHere !== 0) depth += kindHere === 1 ? 1 : -1;
      if (depth === 0) return i;
    }
  }
  return n;
}

/** One past the closing quotation mark of the string that begins at `at`. */
function stringEnd(bytes: Buffer, at: number): number {
  const n = bytes.length;
  let i = at + 1;
  while (i < n && bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1;
  return Math.min(n, i + 1);
}

function skipSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (i < bytes.length && space[bytes[i]!] === 1) i += 1;
  return i;
}
