import { U2SegError } from '@u2seg/core';
import { MemoryBudget } from './memory-budget.ts';
import type { NamedTensor, UnreadTensor } from './named-tensor.ts';
import { unpickle, type Unpickled } from './pickle-interpreter.ts';
import { CheckpointDict, StoredTensor, type CheckpointValue } from './pickle-values.ts';
import { isLegacyTorch, readLegacy } from './torch-legacy.ts';
import { readTorchZip } from './torch-zip.ts';

/** Contents of a PyTorch checkpoint or pickle. */
export interface TorchCheckpoint {
  /** `zip` since PyTorch 1.6, `legacy` before, `pickle` for detectron2's `.pkl`. */
  readonly format: 'zip' | 'legacy' | 'pickle';
  /** The object that was saved. */
  readonly root: CheckpointValue;
  /**
   * Every tensor reachable from the root, in order, named by its path: the keys on the way joined by dots, so
   * `teacher.backbone.cls_token` in a training checkpoint and `cls_token` in a plain state dictionary.
   */
  readonly tensors: readonly NamedTensor[];
  /** Tensors left out, because their elements are of a type that is not read. */
  readonly unread: readonly UnreadTensor[];
  /** Classes whose instances were skipped, sorted; for example `argparse.Namespace`. */
  readonly foreignClasses: readonly string[];
}

/** Deepest nesting of containers that is searched for tensors. */
const maxDepth = 64;

/**
 * Reads what `torch.save` or `pickle.dump` wrote: the zip format, the older stream, and plain pickles of numpy arrays
 * (detectron2's `.pkl`, Lightning's `.ckpt`).
 *
 * The pickle inside is run by a closed interpreter that builds tensors, arrays and plain containers; instances of other classes
 * become markers, and nothing is imported or executed. Memory stays within a small multiple of the file.
 *
 * @param source - what to call the file in an error
 * @throws U2SegError `bad-format` naming the file, the record and the byte; `unsupported` for big-endian files and for
 * TorchScript archives
 */
export function readTorchCheckpoint(file: Uint8Array, source = 'checkpoint'): TorchCheckpoint {
  // A plain view, so that no Buffer, whose slice() shares memory, reaches the result.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const where = `readTorchCheckpoint: ${source}`;
  const budget = new MemoryBudget(where, bytes.byteLength);
  let format: TorchCheckpoint['format'];
  let result: Omit<Unpickled, 'end'>;
  if (bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4) {
    format = 'zip';
    result = readTorchZip(bytes, where, budget);
  } else if (isLegacyTorch(bytes)) {
    format = 'legacy';
    result = readLegacy(bytes, where, budget);
  } else if (bytes[0] === 0x80 || /[(cdl\]}]/u.test(String.fromCharCode(bytes[0] ?? 0))) {
    format = 'pickle';
    const plain = unpickle(bytes, {
      where,
      budget,
      persistentLoad: () => {
        throw new U2SegError('bad-format', `${where}: a plain pickle refers to storages it does not hold.`);
      },
      loadFromBytes: (nested) => {
        const inner = readLegacy(nested, `${where}, a nested storage`, budget);
        return inner.value;
      },
    });
    if (plain.end !== bytes.byteLength) {
      throw new U2SegError('bad-format', `${where}: the pickle ends at byte ${plain.end} of ${bytes.byteLength}.`);
    }
    result = plain;
  } else {
    throw new U2SegError(
      'bad-format',
      `${where}: neither a zip nor a pickle, the first bytes are ${firstBytes(bytes)}.`,
    );
  }
  for (const tensor of result.tensors) tensor.materialize(where, budget);
  return {
    format,
    root: result.value,
    ...namedTensors(where, result.value, budget),
    foreignClasses: [...result.foreignClasses].sort(),
  };
}

function firstBytes(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return shown === '' ? 'missing' : shown;
}

function namedTensors(
  where: string,
  root: CheckpointValue,
  budget: MemoryBudget,
): Pick<TorchCheckpoint, 'tensors' | 'unread'> {
  const tensors: NamedTensor[] = [];
  const unread: UnreadTensor[] = [];
  const visit = (value: CheckpointValue, name: string, depth: number): void => {
    budget.take(64, 'the tree of containers');
    if (value instanceof StoredTensor) {
      budget.take(128 + name.length, 'tensor names');
      if (value.unread !== undefined) unread.push({ name, dtype: value.unread });
      else tensors.push({ name, dtype: value.dtype, shape: value.shape, data: value.data });
      return;
    }
    const isDict = value instanceof CheckpointDict;
    if (!isDict && !Array.isArray(value)) return;
    if (depth > maxDepth) {
      throw new U2SegError('bad-format', `${where}: containers are nested more than ${maxDepth} deep.`);
    }
    for (const [key, entry] of value.entries()) {
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') continue;
      visit(entry, name === '' ? String(key) : `${name}.${key}`, depth + 1);
    }
  };
  visit(root, '', 0);
  return { tensors, unread };
}
