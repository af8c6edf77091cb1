import { U2SegError } from '@u2seg/core';
import { zipSync, type Zippable } from 'fflate';
import { assertTensor, tensorBytes, type DenseTensor, type NamedTensor, type TensorDtype } from './named-tensor.ts';
import { PickleWriter } from './pickle-writer.ts';

/**
 * What {@link writeTorchCheckpoint} can save. A list of named tensors becomes a state dictionary, an object or Map a dictionary;
 * whole numbers become Python integers, others floats.
 */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | DenseTensor
  | readonly NamedTensor[]
  | readonly TorchValue[]
  | ReadonlyMap<string | number, TorchValue>
  | { readonly [key: string]: TorchValue };

const storageNames: Partial<Record<TensorDtype, string>> = {
  float64: 'DoubleStorage',
  float32: 'FloatStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
};

/** torch places every storage at a multiple of this many bytes, so that files can be mapped into memory. */
const alignment = 64;
/** Largest file the zip writer can address. */
const maxFileBytes = 2 ** 32 - 2 ** 20;

/**
 * Writes a checkpoint that `torch.load` reads, also with `weights_only=True`, in the zip format of PyTorch 1.6 and later:
 * `writeTorchCheckpoint({ model: tensors, iteration: 90000 })` has detectron2's layout.
 *
 * @throws U2SegError `shape-mismatch` for data that do not fit their shape, `conflict` for a name given twice, `unsupported`
 * for a dtype without a torch storage or more than 4 GiB
 */
export function writeTorchCheckpoint(root: TorchValue): Uint8Array {
  const pickle = new PickleWriter();
  const storages: Uint8Array[] = [];
  const keys = new Map<ArrayBufferView, string>();

  const writeTensor = (tensor: DenseTensor, where: string): void => {
    assertTensor(where, tensor);
    const storage = storageNames[tensor.dtype];
    if (storage === undefined)
      throw new U2SegError('unsupported', `${where}: torch has no storage for ${tensor.dtype}.`);
    let key = keys.get(tensor.data);
    if (key === undefined) {
      key = String(storages.length);
      keys.set(tensor.data, key);
      storages.push(tensorBytes(tensor));
    }
    const elements = tensor.shape.reduce((product, size) => product * size, 1);
    pickle.global('torch._utils', '_rebuild_tensor_v2');
    pickle.mark();
    pickle.mark();
    pickle.text('storage');
    pickle.global('torch', storage);
    pickle.text(key);
    pickle.text('cpu');
    pickle.integer(elements);
    pickle.tuple();
    pickle.persistentId();
    pickle.integer(0);
    pickle.integers(tensor.shape);
    pickle.integers(tensor.shape.map((_, d) => tensor.shape.slice(d + 1).reduce((product, size) => product * size, 1)));
    pickle.boolean(false);
    pickle.orderedDict();
    pickle.tuple();
    pickle.reduce();
  };
  const writeEntries = (entries: readonly (readonly [string | number, TorchValue])[], where: string): void => {
    pickle.mark();
    for (const [key, value] of entries) {
      if (typeof key === 'string') pickle.text(key);
      else pickle.number(key);
      write(value, `${where} "${key}"`);
    }
    pickle.setItems();
  };
  const write = (value: TorchValue, where: string): void => {
    if (value === null) pickle.none();
    else if (typeof value === 'boolean') pickle.boolean(value);
    else if (typeof value === 'number') pickle.number(value);
    else if (typeof value === 'bigint') pickle.integer(value);
    else if (typeof value === 'string') pickle.text(value);
    else if (isTensor(value)) writeTensor(value, where);
    else if (isStateDict(value)) {
      const names = new Set(value.map(({ name }) => name));
      if (names.size !== value.length) throw new U2SegError('conflict', `${where}: a tensor name is given twice.`);
      pickle.orderedDict();
      writeEntries(
        value.map((tensor) => [tensor.name, tensor]),
        where,
      );
    } else if (Array.isArray(value)) {
      pickle.emptyList();
      pickle.mark();
      for (const [i, entry] of (value as readonly TorchValue[]).entries()) write(entry, `${where} [${i}]`);
      pickle.appends();
    } else {
      pickle.emptyDict();
      writeEntries([...(value instanceof Map ? value : new Map(Object.entries(value)))], where);
    }
  };
  write(root, 'writeTorchCheckpoint: root');
  return zipRecords([
    ['data.pkl', pickle.finish()],
    ['byteorder', new TextEncoder().encode('little')],
    ...storages.map((bytes, i) => [`data/${i}`, bytes] as const),
    ['version', new TextEncoder().encode('3\n')],
  ]);
}

function isTensor(value: TorchValue): value is DenseTensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'data' in value && 'shape' in value;
}

function isStateDict(value: TorchValue): value is readonly NamedTensor[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (entry: TorchValue) => entry !== null && typeof entry === 'object' && isTensor(entry) && 'name' in entry,
    )
  );
}

/** Stores the records uncompressed, each padded so that its bytes are aligned. */
function zipRecords(records: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const headerBytes = 30;
  const files: Zippable = {};
  let at = 0;
  for (const [record, bytes] of records) {
    const name = `archive/${record}`;
    // An extra field is an id, a length and the padding; torch calls its own 'FB'.
    const unpadded = at + headerBytes + name.length + 4;
    const padding = (alignment - (unpadded % alignment)) % alignment;
    files[name] = [
      bytes,
      { level: 0, mtime: new Date(1980, 0, 1), extra: { 0x4246: new Uint8Array(padding).fill(0x5a) } },
    ];
    at = unpadded + padding + bytes.byteLength;
    if (at > maxFileBytes) {
      throw new U2SegError(
        'unsupported',
        `writeTorchCheckpoint: ${at} bytes or more; the writer's limit is ${maxFileBytes}.`,
      );
    }
  }
  return zipSync(files, { level: 0 });
}
