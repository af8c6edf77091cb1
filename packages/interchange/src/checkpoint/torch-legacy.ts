import { U2SegError } from '@u2seg/core';
import type { MemoryBudget } from './memory-budget.ts';
import { unpickle, type Unpickled } from './pickle-interpreter.ts';
import { CheckpointDict, type CheckpointValue, type TensorStorage } from './pickle-values.ts';
import { parseStorageId } from './torch-storage.ts';

/** The integer every legacy stream starts with. */
const magic = 0x1950a86a20f9469cfc6cn;
/** A pickle of {@link magic}: protocol 2, `LONG1`, ten bytes, `STOP`. */
const magicPickle = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const streamVersion = 1001;

/** Whether a file begins as PyTorch wrote them before 1.6. */
export function isLegacyTorch(bytes: Uint8Array): boolean {
  return magicPickle.every((byte, i) => i === 1 || bytes[i] === byte);
}

interface LegacyStorage {
  readonly storage: TensorStorage;
  readonly bytes: number;
  /** Bytes of one element as the stream counts them; 1 where unknown. */
  readonly views: { readonly storage: TensorStorage; readonly offset: number; readonly bytes: number }[];
}

/**
 * Reads the stream format of PyTorch before 1.6: four pickles (magic number, version, machine, the object), the list of
 * storage keys, then for each key its number of elements and its bytes.
 *
 * @throws U2SegError `bad-format`, or `unsupported` for a big-endian file
 */
export function readLegacy(bytes: Uint8Array, where: string, budget: MemoryBudget): Omit<Unpickled, 'end'> {
  const fail = (message: string): never => {
    throw new U2SegError('bad-format', `${where}: ${message}`);
  };
  const storages = new Map<string, LegacyStorage>();
  const next = (at: number, part: string, load?: (id: CheckpointValue) => CheckpointValue): Unpickled =>
    unpickle(bytes, {
      where: `${where}: ${part}`,
      budget,
      at,
      loadFromBytes: undefined,
      persistentLoad: load ?? (() => fail(`${part} refers to a storage.`)),
    });
  const first = next(0, 'magic number');
  if (first.value !== magic) fail('the stream does not start with the magic number.');
  const version = next(first.end, 'version');
  if (version.value !== streamVersion)
    fail(`the stream must have version ${streamVersion}, got ${String(version.value)}.`);
  const machine = next(version.end, 'machine');
  if (machine.value instanceof CheckpointDict && machine.value.get('little_endian') === false) {
    throw new U2SegError('unsupported', `${where}: a big-endian file.`);
  }
  const object = next(machine.end, 'object', (value) => {
    if (Array.isArray(value) && value[0] === 'module') return value[1] ?? null;
    const id = parseStorageId(`${where}: object`, value);
    let entry = storages.get(id.key);
    if (entry === undefined) {
      budget.take(512, 'storages');
      entry = { storage: { label: `storage ${id.key}`, bytes: undefined }, bytes: id.bytes, views: [] };
      storages.set(id.key, entry);
    }
    if (!Array.isArray(id.view)) return id.refer(entry.storage);
    const [, offset, size] = id.view;
    if (typeof offset !== 'number' || typeof size !== 'number') return fail('a storage view without offset and size.');
    const reference = id.refer({ label: `a view of storage ${id.key}`, bytes: undefined });
    const total = id.bytes;
    const elements = (value as CheckpointValue[])[4] as number;
    const width = elements > 0 ? total / elements : 1;
    entry.views.push({ storage: reference.storage, offset: offset * width, bytes: size * width });
    return reference;
  });
  const keys = next(object.end, 'storage keys');
  if (!Array.isArray(keys.value)) return fail('the list of storage keys is missing.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = keys.end;
  for (const key of keys.value) {
    const entry = typeof key === 'string' ? storages.get(key) : undefined;
    if (entry === undefined) return fail(`storage "${String(key)}" is listed but nothing refers to it.`);
    if (entry.storage.bytes !== undefined) return fail(`storage "${String(key)}" is listed twice.`);
    if (at + 8 > bytes.byteLength)
      return fail(`the file ends at byte ${bytes.byteLength}, before ${entry.storage.label}.`);
    const elements = Number(view.getBigInt64(at, true));
    at += 8;
    if (elements < 0 || at + entry.bytes > bytes.byteLength) {
      return fail(`${entry.storage.label} reaches past the end: byte ${at} + ${entry.bytes} of ${bytes.byteLength}.`);
    }
    if (elements > entry.bytes || (elements > 0 && entry.bytes % elements !== 0)) {
      return fail(`${entry.storage.label} has ${elements} elements in ${entry.bytes} bytes.`);
    }
    entry.storage.bytes = bytes.subarray(at, at + entry.bytes);
    for (const part of entry.views) {
      if (part.offset < 0 || !(part.offset + part.bytes <= entry.bytes)) fail(`a view leaves ${entry.storage.label}.`);
      part.storage.bytes = entry.storage.bytes.subarray(part.offset, part.offset + part.bytes);
    }
    at += entry.bytes;
  }
  if (at !== bytes.byteLength) fail(`the last storage ends at byte ${at} of ${bytes.byteLength}.`);
  return { value: object.value, tensors: object.tensors, foreignClasses: object.foreignClasses };
}
