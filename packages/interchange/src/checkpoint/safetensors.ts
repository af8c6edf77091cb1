import { U2SegError } from '@u2seg/core';
import {
  assertTensor,
  dtypeFacts,
  elementCount,
  tensorBytes,
  viewElements,
  type NamedTensor,
  type TensorDtype,
  type UnreadTensor,
} from './named-tensor.ts';

const dtypeOf = new Map<string, TensorDtype>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
  ['C64', 'complex64'],
]);
/** Bits of one element of the format's dtypes (safetensors 0.7) that are not read. */
const unreadBits = new Map([
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
]);
const codeOf = new Map([...dtypeOf].map(([code, dtype]) => [dtype, code]));

/** Largest header the format allows, in bytes. */
const maxHeaderBytes = 100_000_000;

/** Contents of a `.safetensors` file. */
export interface SafetensorsFile {
  /** In the order of their bytes in the file; data are views into the file. */
  readonly tensors: readonly NamedTensor[];
  /** Tensors left out, because their elements are of a type that is not read. */
  readonly unread: readonly UnreadTensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads a `.safetensors` file (an 8-byte header length, a JSON header, the elements), with the checks of the format's
 * reference reader: the elements must be covered without holes or overlaps.
 *
 * @param source - what to call the file in an error
 * @throws U2SegError `bad-format` naming the file, the tensor and what is wrong
 */
export function readSafetensors(bytes: Uint8Array, source = 'safetensors'): SafetensorsFile {
  const fail = (message: string, cause?: unknown): never => {
    throw new U2SegError('bad-format', `readSafetensors: ${source}: ${message}`, { cause });
  };
  if (bytes.byteLength < 8) fail(`needs at least 8 bytes, got ${bytes.byteLength}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > Math.min(maxHeaderBytes, bytes.byteLength - 8)) {
    fail(`the header claims ${headerBytes} bytes, the file has ${bytes.byteLength - 8} after its first 8.`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)));
  } catch (cause) {
    fail('the header is not JSON in UTF-8.', cause);
  }
  if (!isRecord(header)) return fail('the header must be a JSON object.');
  const body = bytes.subarray(8 + headerBytes);

  const metadata = new Map<string, string>();
  const entries: { name: string; code: string; shape: number[]; start: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (!isRecord(entry)) return fail(`entry "${name}" must be an object.`);
    if (name === '__metadata__') {
      for (const [key, value] of Object.entries(entry)) {
        if (typeof value !== 'string') return fail(`metadata "${key}" must be a string.`);
        metadata.set(key, value);
      }
      continue;
    }
    const where = `tensor "${name}"`;
    const { shape, data_offsets: offsets } = entry;
    const code = typeof entry['dtype'] === 'string' ? entry['dtype'] : '';
    const dtype = dtypeOf.get(code);
    const bits = dtype === undefined ? unreadBits.get(code) : dtypeFacts[dtype].bytes * 8;
    if (bits === undefined) return fail(`${where}: unknown dtype ${JSON.stringify(entry['dtype'])}.`);
    if (!isIntegers(shape)) return fail(`${where}: shape must be a list of integers.`);
    if (!isIntegers(offsets) || offsets.length !== 2) return fail(`${where}: data_offsets must be [start, end].`);
    const [start, end] = offsets as [number, number];
    const wanted = elementCount(`readSafetensors: ${source}: ${where}`, shape) * (bits / 8);
    if (end - start !== wanted || start < 0 || end > body.byteLength) {
      return fail(
        `${where}: ${dtype ?? code} [${shape.join(', ')}] takes ${wanted} bytes; data_offsets [${start}, ${end}] of ${body.byteLength}.`,
      );
    }
    entries.push({ name, code, shape, start, end });
  }

  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let covered = 0;
  for (const entry of entries) {
    if (entry.start !== covered) {
      fail(`tensor "${entry.name}" starts at byte ${entry.start}, but the tensors before it end at ${covered}.`);
    }
    covered = entry.end;
  }
  if (covered !== body.byteLength) fail(`the tensors end at byte ${covered} of ${body.byteLength}.`);

  const tensors: NamedTensor[] = [];
  const unread: UnreadTensor[] = [];
  for (const { name, code, shape, start, end } of entries) {
    const dtype = dtypeOf.get(code);
    if (dtype === undefined) unread.push({ name, dtype: code });
    else tensors.push({ name, dtype, shape, data: viewElements(dtype, body.subarray(start, end)) });
  }
  return { tensors, unread, metadata };
}

/**
 * Writes a `.safetensors` file. Tensors are laid out by element width, widest first, then by name, so that every one is
 * aligned and the same tensors always give the same bytes.
 *
 * @throws U2SegError `shape-mismatch` for data that do not fit their shape, `conflict` for a name given twice,
 * `unsupported` for a dtype the format lacks
 */
export function writeSafetensors(
  tensors: Iterable<NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = [...tensors].sort(
    (a, b) => dtypeFacts[b.dtype].bytes - dtypeFacts[a.dtype].bytes || (a.name < b.name ? -1 : 1),
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push(['__metadata__', metadata]);
  const names = new Set<string>(['__metadata__']);
  let end = 0;
  for (const tensor of ordered) {
    const where = `writeSafetensors: tensor "${tensor.name}"`;
    assertTensor(where, tensor);
    if (names.has(tensor.name)) throw new U2SegError('conflict', `${where}: the name is taken already.`);
    names.add(tensor.name);
    const code = codeOf.get(tensor.dtype);
    if (code === undefined) throw new U2SegError('unsupported', `${where}: the format has no dtype ${tensor.dtype}.`);
    const start = end;
    end += tensor.data.byteLength;
    header.push([tensor.name, { dtype: code, shape: tensor.shape, data_offsets: [start, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(0x20, 8, 8 + headerBytes);
  out.set(json, 8);
  let at = 8 + headerBytes;
  for (const tensor of ordered) {
    out.set(tensorBytes(tensor), at);
    at += tensor.data.byteLength;
  }
  return out;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry));
}
