/** Checks an Arrow IPC file before a reader that trusts it sees it (Arrow columnar format 1.0, "IPC File Format"). */
import { U2SegError } from '@u2seg/core';
import { CheckedFlatbuffer, type FlatTable } from './checked-flatbuffer.ts';

const magic = 'ARROW1';
const continuation = 0xffff_ffff;
const headers = { schema: 1, recordBatch: 3 } as const;
const deepest = 16;

/** A column as far as its buffers go. */
type Layout =
  | { readonly kind: 'fixed'; readonly bits: number }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'list'; readonly child: Layout }
  | { readonly kind: 'fixed-list'; readonly size: number; readonly child: Layout };

/** A message of the file or stream: its flatbuffer and the bytes behind it. */
interface Message {
  readonly buffer: CheckedFlatbuffer;
  readonly header: FlatTable;
  readonly type: number;
  readonly body: Uint8Array;
  /** First byte behind the body. */
  readonly end: number;
}

/**
 * Checks that every offset, length and count of an Arrow IPC file or stream is consistent, so that reading it ends, and needs no more
 * memory than a small multiple of its size: footer, schema, blocks, nodes, buffers, and the offsets of strings and lists.
 *
 * Types are those of this package's tables; dictionaries and compression are refused.
 *
 * @param where - names the file in errors
 * @throws U2SegError `bad-format` saying what is damaged, `unsupported` for what the tables do not use
 */
export function verifyArrow(file: Uint8Array, where: string): void {
  if (text(file, 0, magic.length) === magic) verifyFile(file, where);
  else verifyStream(file, where);
}

function verifyFile(file: Uint8Array, where: string): void {
  const end = file.length - magic.length - 4;
  if (end < 8 || text(file, end + 4, file.length) !== magic)
    throw bad(where, 'is cut off: it does not end as it starts');
  const length = new DataView(file.buffer, file.byteOffset, file.byteLength).getInt32(end, true);
  if (length < 4 || length > end - 8) throw bad(where, `has a footer of ${length} bytes`);
  const footer = new CheckedFlatbuffer(file.subarray(end - length, end), `${where}: footer`);
  const root = footer.root();
  const schema = footer.table(root, 1, 'schema');
  if (schema === undefined) throw bad(where, 'has no schema');
  const layouts = schemaLayouts(footer, schema, where);
  keyValues(footer, root, 4);
  const dictionaries = footer.vector(root, 2, 24, 'dictionaries');
  if (dictionaries !== undefined && dictionaries.length > 0) throw unsupported(where, 'has dictionaries');
  const blocks = footer.vector(root, 3, 24, 'record batches');
  let previous = 8;
  for (let b = 0; b < (blocks?.length ?? 0); b += 1) {
    const at = blocks!.position + 24 * b;
    const offset = footer.integerAt(at, 8);
    // Batches lie one behind the other; overlapping ones would be read again and again.
    if (offset < previous) throw bad(where, `has record batch ${b} at ${offset}, inside the one before`);
    const message = messageAt(file, offset, end - length, `${where}: record batch ${b}`);
    if (message === undefined || message.type !== headers.recordBatch)
      throw bad(where, `has no record batch at ${offset}`);
    const metadataBytes = footer.integerAt(at + 8, 4);
    const bodyBytes = footer.integerAt(at + 16, 8);
    if (message.end - message.body.length - offset !== metadataBytes || message.body.length !== bodyBytes)
      throw bad(where, `says otherwise in footer and record batch ${b}`);
    verifyBatch(message, layouts, `${where}: record batch ${b}`);
    previous = message.end;
  }
}

function verifyStream(file: Uint8Array, where: string): void {
  const first = messageAt(file, 0, file.length, `${where}: schema`);
  if (first === undefined || first.type !== headers.schema) throw bad(where, 'is neither an Arrow file nor a stream');
  const layouts = schemaLayouts(first.buffer, first.header, where);
  for (let at = first.end, b = 0; at < file.length; b += 1) {
    const message = messageAt(file, at, file.length, `${where}: record batch ${b}`);
    if (message === undefined) return;
    if (message.type !== headers.recordBatch) throw unsupported(where, `has a message of type ${message.type}`);
    verifyBatch(message, layouts, `${where}: record batch ${b}`);
    at = message.end;
  }
}

/** The message at an offset; undefined at the end of a stream. */
function messageAt(file: Uint8Array, at: number, end: number, where: string): Message | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (at + 8 > end) throw bad(where, 'is cut off');
  if (view.getUint32(at, true) !== continuation) throw bad(where, 'does not start with a continuation marker');
  const length = view.getInt32(at + 4, true);
  if (length === 0) return undefined;
  const start = at + 8 + length;
  if (length < 4 || start > end) throw bad(where, `has metadata of ${length} bytes`);
  const buffer = new CheckedFlatbuffer(file.subarray(at + 8, start), where);
  const root = buffer.root();
  const bodyBytes = buffer.integer(root, 3, 8);
  if (start + bodyBytes > end) throw bad(where, `has a body of ${bodyBytes} bytes, of which ${end - start} are there`);
  keyValues(buffer, root, 4);
  const header = buffer.table(root, 2, 'header');
  if (header === undefined) throw bad(where, 'has no header');
  const body = file.subarray(start, start + bodyBytes);
  return { buffer, header, type: buffer.integer(root, 1, 1), body, end: start + bodyBytes };
}

function schemaLayouts(buffer: CheckedFlatbuffer, schema: FlatTable, where: string): Layout[] {
  if (buffer.integer(schema, 0, 2) !== 0) throw unsupported(where, 'is big-endian');
  keyValues(buffer, schema, 2);
  buffer.vector(schema, 3, 8, 'features');
  return buffer.tables(schema, 1, 'fields').map((field) => fieldLayout(buffer, field, where, 0));
}

function fieldLayout(buffer: CheckedFlatbuffer, field: FlatTable, where: string, depth: number): Layout {
  if (depth > deepest) throw bad(where, `nests more than ${deepest} lists`);
  buffer.string(field, 0, 'name');
  keyValues(buffer, field, 6);
  if (buffer.table(field, 4, 'dictionary') !== undefined) throw unsupported(where, 'has a dictionary');
  const type = buffer.table(field, 3, 'type');
  const children = buffer.tables(field, 5, 'children');
  if (type === undefined) throw bad(where, 'has a field without a type');
  const child = (): Layout => {
    if (children.length !== 1) throw bad(where, `has a list with ${children.length} children`);
    return fieldLayout(buffer, children[0]!, where, depth + 1);
  };
  const kind = buffer.integer(field, 2, 1);
  if (![12, 16].includes(kind) && children.length > 0) throw bad(where, 'has children of a column that is no list');
  switch (kind) {
    case 2: {
      const bits = buffer.integer(type, 0, 4);
      if (![8, 16, 32, 64].includes(bits)) throw bad(where, `has integers of ${bits} bits`);
      buffer.integer(type, 1, 1);
      return { kind: 'fixed', bits };
    }
    case 3: {
      const precision = buffer.integer(type, 0, 2);
      if (![0, 1, 2].includes(precision)) throw bad(where, `has floats of precision ${precision}`);
      return { kind: 'fixed', bits: 16 * 2 ** precision };
    }
    case 4:
    case 5:
      return { kind: 'bytes' };
    case 6:
      return { kind: 'fixed', bits: 1 };
    case 12:
      return { kind: 'list', child: child() };
    case 16: {
      const size = buffer.integer(type, 0, 4);
      if (size < 0 || (size === 0 && depth > 0)) throw bad(where, `has lists of ${size}`);
      return { kind: 'fixed-list', size, child: child() };
    }
    default:
      throw unsupported(where, `has a column of Arrow type ${kind}`);
  }
}

function verifyBatch({ buffer, header, body }: Message, layouts: readonly Layout[], where: string): void {
  const rows = buffer.integer(header, 0, 8);
  if (buffer.table(header, 3, 'compression') !== undefined) throw unsupported(where, 'is compressed');
  const nodes = buffer.vector(header, 1, 16, 'nodes');
  const buffers = buffer.vector(header, 2, 16, 'buffers');
  buffer.vector(header, 4, 8, 'variadic counts');
  let [nextNode, nextBuffer] = [0, 0];
  const node = (name: string): number => {
    if (nextNode >= (nodes?.length ?? 0)) throw bad(where, 'has too few nodes');
    const at = nodes!.position + 16 * nextNode;
    nextNode += 1;
    const [length, nulls] = [buffer.integerAt(at, 8), buffer.integerAt(at + 8, 8)];
    if (nulls > length) throw bad(where, `has ${nulls} nulls among ${length} (${name})`);
    return length;
  };
  const bytes = (least: number, name: string): Uint8Array => {
    if (nextBuffer >= (buffers?.length ?? 0)) throw bad(where, 'has too few buffers');
    const at = buffers!.position + 16 * nextBuffer;
    nextBuffer += 1;
    const [offset, length] = [buffer.integerAt(at, 8), buffer.integerAt(at + 8, 8)];
    if (offset + length > body.length)
      throw bad(where, `has a buffer (${name}) at [${offset}, ${offset + length}) of ${body.length}`);
    // Typed arrays want it, and so does the format.
    if (length > 0 && offset % 8 !== 0)
      throw bad(where, `has a buffer (${name}) at ${offset}, which is no multiple of 8`);
    if (length < least) throw bad(where, `has a buffer (${name}) of ${length} bytes; it needs ${least}`);
    return body.subarray(offset, offset + length);
  };
  const column = (layout: Layout, name: string): number => {
    const length = node(name);
    const validity = bytes(0, `${name} validity`);
    if (validity.length > 0 && validity.length < Math.ceil(length / 8))
      throw bad(where, `has too few validity bits (${name})`);
    if (layout.kind === 'fixed') {
      bytes(Math.ceil((length * layout.bits) / 8), `${name} values`);
    } else if (layout.kind === 'fixed-list') {
      const inner = column(layout.child, `${name} items`);
      if (inner !== length * layout.size)
        throw bad(where, `has ${inner} items for ${length} lists of ${layout.size} (${name})`);
    } else {
      const offsets = bytes(length === 0 ? 0 : 4 * (length + 1), `${name} offsets`);
      const last = lastOffset(offsets, length, `${where}: ${name}`);
      const inner = layout.kind === 'bytes' ? bytes(0, `${name} data`).length : column(layout.child, `${name} items`);
      if (last > inner) throw bad(where, `has offsets up to ${last} for ${inner} (${name})`);
    }
    return length;
  };
  // A column of empty lists needs no bytes; some other column must speak for its rows.
  if (rows > 8 * body.length) throw bad(where, `has ${rows} rows in ${body.length} bytes`);
  layouts.forEach((layout, i) => {
    const length = column(layout, `column ${i}`);
    if (length !== rows) throw bad(where, `has ${length} values in column ${i} and ${rows} rows`);
  });
  if (nextNode !== (nodes?.length ?? 0) || nextBuffer !== (buffers?.length ?? 0))
    throw bad(where, 'has nodes or buffers of no column');
}

/** Offsets start at 0 or above and never fall. */
function lastOffset(bytes: Uint8Array, length: number, where: string): number {
  if (length === 0) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let previous = 0;
  for (let i = 0; i <= length; i += 1) {
    const offset = view.getInt32(4 * i, true);
    if (offset < previous) throw bad(where, `has offset ${offset} behind ${previous}`);
    previous = offset;
  }
  return previous;
}

function keyValues(buffer: CheckedFlatbuffer, table: FlatTable, field: number): void {
  for (const pair of buffer.tables(table, field, 'metadata')) {
    buffer.string(pair, 0, 'key');
    buffer.string(pair, 1, 'value');
  }
}

function text(file: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...file.subarray(from, Math.min(to, file.length)));
}

function bad(where: string, what: string): U2SegError {
  return new U2SegError('bad-format', `${where}: damaged: it ${what}.`);
}

function unsupported(where: string, what: string): U2SegError {
  return new U2SegError('unsupported', `${where}: it ${what}, which no table of this project does.`);
}
