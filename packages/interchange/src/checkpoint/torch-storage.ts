import { U2SegError } from '@u2seg/core';
import { dtypeFacts } from './named-tensor.ts';
import { GlobalRef, StorageRef } from './pickle-calls.ts';
import type { CheckpointValue, TensorStorage } from './pickle-values.ts';

/** What torch writes in place of a storage: `('storage', class, key, location, elements)`. */
export interface StorageId {
  readonly key: string;
  /** Bytes the storage must have. */
  readonly bytes: number;
  readonly refer: (storage: TensorStorage) => StorageRef;
  /** Sixth entry, only in the legacy stream: a part of another storage. */
  readonly view: CheckpointValue | undefined;
}

/** @throws U2SegError `bad-format` if `id` is no storage id of torch */
export function parseStorageId(where: string, id: CheckpointValue): StorageId {
  const fail = (what: string): never => {
    throw new U2SegError('bad-format', `${where}: a reference to a storage ${what}.`);
  };
  if (!Array.isArray(id) || id[0] !== 'storage') return fail('is not a tuple that starts with "storage"');
  const [, storageClass, key, , elements, view] = id;
  const global = storageClass instanceof GlobalRef ? storageClass.global : undefined;
  if (global?.kind !== 'storage-class') return fail('names a class that is no storage');
  if (typeof key !== 'string') return fail('has a key that is no text');
  if (typeof elements !== 'number' || elements < 0 || !Number.isSafeInteger(elements)) {
    return fail('has a size that is no integer');
  }
  const width = global.dtype === undefined ? 1 : dtypeFacts[global.dtype].bytes;
  return { key, bytes: elements * width, refer: (storage) => new StorageRef(storage, global.dtype), view };
}
