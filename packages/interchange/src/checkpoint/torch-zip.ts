import { U2SegError } from '@u2seg/core';
import type { MemoryBudget } from './memory-budget.ts';
import { unpickle, type Unpickled } from './pickle-interpreter.ts';
import type { TensorStorage } from './pickle-values.ts';
import { parseStorageId } from './torch-storage.ts';
import { ZipArchive } from './zip-archive.ts';

/**
 * Reads the zip format of PyTorch 1.6 and later: `<name>/data.pkl` holds the object, `<name>/data/<key>` one storage each.
 *
 * @throws U2SegError `bad-format`, or `unsupported` for a big-endian file or a TorchScript archive
 */
export function readTorchZip(bytes: Uint8Array, where: string, budget: MemoryBudget): Omit<Unpickled, 'end'> {
  const archive = new ZipArchive(bytes, where, budget);
  const pickleName = archive.names.find((name) => /^(?:[^/]+\/)?data\.pkl$/u.test(name));
  if (pickleName === undefined) {
    throw new U2SegError('bad-format', `${where}: the zip file holds no data.pkl, so torch.save did not write it.`);
  }
  const folder = pickleName.slice(0, -'data.pkl'.length);
  if (archive.has(`${folder}constants.pkl`)) {
    throw new U2SegError('unsupported', `${where}: a TorchScript archive holds code; save the state_dict instead.`);
  }
  if (archive.has(`${folder}byteorder`)) {
    const order = new TextDecoder().decode(archive.read(`${folder}byteorder`)).trim();
    if (order !== 'little')
      throw new U2SegError('unsupported', `${where}: byte order "${order}"; only little is read.`);
  }
  const storages = new Map<string, TensorStorage>();
  return unpickle(archive.read(pickleName), {
    where: `${where}: ${pickleName}`,
    budget,
    loadFromBytes: undefined,
    persistentLoad: (value) => {
      const id = parseStorageId(`${where}: ${pickleName}`, value);
      const label = `record ${folder}data/${id.key}`;
      let storage = storages.get(id.key);
      if (storage === undefined) {
        budget.take(256, 'storages');
        storage = { label, bytes: archive.read(`${folder}data/${id.key}`) };
        storages.set(id.key, storage);
      }
      if (storage.bytes?.byteLength !== id.bytes) {
        throw new U2SegError(
          'bad-format',
          `${where}: ${label} has ${storage.bytes?.byteLength} bytes, not ${id.bytes}.`,
        );
      }
      return id.refer(storage);
    },
  });
}
