/** Every stored type of a tensor, through every reader, to everything that takes weights. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { loadBackbone, parameterShapes, readVit } from '@u2seg/backbone';
import type { RgbImage } from '@u2seg/core';
import { loadStateDict, loadTfBackend, PanopticCascadeModel, renameCheckpoint, stateDict } from '@u2seg/heads';
import {
  dtypeFacts,
  encodeFloat16,
  floatDtypes,
  writeSafetensors,
  writeTorchCheckpoint,
  type NamedTensor,
  type TensorData,
  type TensorDtype,
} from '@u2seg/interchange';
import { trainPreset } from '@u2seg/self-train';
import { bytesOf, checkpointBytes } from '@u2seg/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertWeights } from '../../src/networks/convert-weights.ts';
import { initializeFrom } from '../../src/networks/initial-weights.ts';
import { readModel } from '../../src/networks/model-file.ts';
import { readNetworkCheckpoint } from '../../src/networks/network-checkpoint.ts';
import { numpyPickle } from './numpy-pickle.ts';

/** Numbers that every float here but the 8-bit ones holds exactly. */
const valueAt = (i: number): number => (((i * 37) % 64) - 31.5) / 64;

/** Values in a stored type; what is no float gets arbitrary bits. */
function stored(dtype: TensorDtype, values: Float32Array): TensorData {
  if (dtype === 'float64') return Float64Array.from(values);
  if (dtype === 'float32') return values;
  if (dtype === 'float16') return encodeFloat16(values);
  if (dtype === 'bfloat16') return Uint16Array.from(new Uint32Array(values.slice().buffer), (bits) => bits >>> 16);
  const { array, entries } = dtypeFacts[dtype];
  return new array(new Uint8Array(values.length * dtypeFacts[dtype].bytes).fill(1).buffer, 0, values.length * entries);
}

const writers = {
  pth: (tensors: readonly NamedTensor[]) => writeTorchCheckpoint({ model: tensors }),
  safetensors: (tensors: readonly NamedTensor[]) => writeSafetensors(tensors),
  pkl: numpyPickle,
} as const;
type Reader = keyof typeof writers;
const readers = Object.keys(writers) as Reader[];
const dtypes = Object.keys(dtypeFacts) as TensorDtype[];
/** torch's writer has no storage of its own for these, safetensors no complex128. */
const writable = (reader: Reader, dtype: TensorDtype): boolean =>
  reader === 'pkl' || !(reader === 'pth' ? /^(?:uint(?:16|32|64)|float8)/u : /^complex128/u).test(dtype);
const table = readers.flatMap((reader) => dtypes.filter((d) => writable(reader, d)).map((d) => [d, reader] as const));

const vit = {
  family: 'dino',
  dim: 64,
  depth: 1,
  heads: 1,
  hidden: 64,
  patchSize: 8,
  registers: 0,
  positionGrid: 2,
} as const;
const photo: RgbImage = { height: 16, width: 16, data: Uint8Array.from({ length: 768 }, (_, i) => (i * 37) % 256) };

describe('a tensor stored as', () => {
  let folder: string;
  let model: PanopticCascadeModel;
  let wanted: Map<string, Float32Array>;
  let features: unknown;
  const preset = trainPreset('tiny');
  const network = preset.network({ things: 5, stuff: 3 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-dtypes-'));
    await loadTfBackend('cpu');
    model = PanopticCascadeModel.create(network, { seed: 1 });
    wanted = new Map();
    for (const [name, { dtype, data }] of stateDict(model))
      if (dtype === 'float32')
        wanted.set(
          name,
          Float32Array.from(data as Float32Array, (_, i) => valueAt(i)),
        );
    features = await backboneFeatures(await file('float32', 'safetensors', vitTensors()));
  });
  afterAll(async () => {
    model.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  function vitTensors(): [string, readonly number[], Float32Array][] {
    return [...parameterShapes(vit)].map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, shape, Float32Array.from({ length: count }, (_, i) => valueAt(i))];
    });
  }
  function detectorTensors(): [string, readonly number[], Float32Array][] {
    return [...wanted].map(([name, values]) => [name, model.store.specs.get(name)!.shape, values]);
  }
  async function file(
    dtype: TensorDtype,
    reader: Reader,
    tensors: readonly [string, readonly number[], Float32Array][],
    counts: readonly NamedTensor[] = [],
  ): Promise<string> {
    const path = join(folder, `${dtype}.${reader}`);
    const named = tensors.map(([name, shape, values]) => ({ name, dtype, shape, data: stored(dtype, values) }));
    await writeFile(path, writers[reader]([...named, ...counts]));
    return path;
  }
  async function backboneFeatures(weights: string): Promise<unknown> {
    const backbone = await loadBackbone('mine', { weights });
    const result = await backbone.extract(photo);
    await backbone.dispose();
    return result;
  }
  function expectWanted(loaded: PanopticCascadeModel): void {
    const written = stateDict(loaded);
    for (const [name, values] of wanted)
      expect(bytesOf(written.get(name)).equals(bytesOf({ data: values })), name).toBe(true);
  }

  it.each(table)('%s in .%s reaches a network as its value, or is refused by name', async (dtype, reader) => {
    const isFloat = floatDtypes.includes(dtype);
    const refused = (path: string): RegExp =>
      new RegExp(
        `${basename(path).replace('.', '\\.')}: .*wanted float64, float32, float16, bfloat16, got ${dtype}\\.`,
        'u',
      );

    const backbone = await file(dtype, reader, vitTensors());
    if (isFloat) expect(await backboneFeatures(backbone)).toEqual(features);
    else await expect(loadBackbone('mine', { weights: backbone })).rejects.toThrow(refused(backbone));

    const path = await file(dtype, reader, detectorTensors(), counts());
    const fresh = PanopticCascadeModel.create(network, { seed: 2 });
    const before = stateDict(fresh);
    const { tensors } = renameCheckpoint(await readNetworkCheckpoint(path), fresh.store.specs.keys());
    if (isFloat) {
      loadStateDict(fresh, tensors, { source: path });
      expectWanted(fresh);
      const other = PanopticCascadeModel.create(network, { seed: 3 });
      await initializeFrom(other, path);
      expectWanted(other);
      other.dispose();
    } else {
      expect(() => loadStateDict(fresh, tensors, { source: path })).toThrow(refused(path));
      await expect(initializeFrom(fresh, path)).rejects.toThrow(refused(path));
      expect(checkpointBytes(stateDict(fresh)).equals(checkpointBytes(before))).toBe(true);
    }
    fresh.dispose();

    const to = join(folder, 'converted.safetensors');
    const converted = convertWeights({ from: path, to, network: 'tiny', force: true });
    if (isFloat) {
      await converted;
      const own = await readModel(to);
      expectWanted(own.model);
      own.model.dispose();
    } else await expect(converted).rejects.toThrow(refused(path));
  });

  it('tensors of types that are not read are named in the report', async () => {
    const path = join(folder, 'unread.safetensors');
    const bytes = writeSafetensors([
      ...detectorTensors().map(([name, shape, data]) => ({ name, dtype: 'float32', shape, data }) as const),
      { name: 'scale', dtype: 'float8_e5m2', shape: [1], data: Uint8Array.of(1) },
    ]);
    const at = Buffer.from(bytes.buffer).indexOf('"F8_E5M2"');
    bytes.set(Buffer.from('"F8_E8M0"'), at);
    await writeFile(path, bytes);
    const fresh = PanopticCascadeModel.create(network, { seed: 2 });
    expect(await initializeFrom(fresh, path)).toContain('1 tensors of types that are not read: scale (F8_E8M0).');
    expectWanted(fresh);
    fresh.dispose();
  });

  it.each(dtypes.filter((dtype) => writable('safetensors', dtype)))('%s in a model file', async (dtype) => {
    const path = join(folder, `own-${dtype}.safetensors`);
    const named = detectorTensors().map(([name, shape, values]) => ({
      name,
      dtype,
      shape,
      data: stored(dtype, values),
    }));
    const info = { network, things: 5, stuff: 3, testSize: preset.testSize, trainedOn: 'nothing' };
    const metadata = { format: 'u2seg-model/1', info: JSON.stringify(info) };
    await writeFile(path, writeSafetensors([...named, ...counts()], metadata));
    if (floatDtypes.includes(dtype)) {
      const own = await readModel(path);
      expectWanted(own.model);
      own.model.dispose();
    } else await expect(readModel(path)).rejects.toThrow(new RegExp(`own-${dtype}.*got ${dtype}`, 'u'));
  });

  it('any of them in readVit', () => {
    for (const dtype of dtypes) {
      const tensors = vitTensors().map(([name, shape, values]) => ({
        name,
        dtype,
        shape,
        data: stored(dtype, values),
      }));
      const read = (): unknown => readVit(tensors, { source: 'a.pth' }).parameters.get('cls_token')!.data;
      if (floatDtypes.includes(dtype)) expect(read()).toEqual(vitTensors()[0]![2]);
      else expect(read).toThrow(`readVit: a.pth: "cls_token": wanted ${floatDtypes.join(', ')}, got ${dtype}.`);
    }
  });

  function counts(): NamedTensor[] {
    return [...model.store.specs.values()].flatMap(({ name, dtype, shape }) =>
      dtype === 'int64' ? [{ name, dtype, shape, data: BigInt64Array.of(7n) }] : [],
    );
  }
});
