/** Checkpoints of other trainers: what they wrap a network in. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBackbone } from '@u2seg/backbone';
import { loadTfBackend, PanopticCascadeModel, stateDict } from '@u2seg/heads';
import { writeTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';
import { trainPreset } from '@u2seg/self-train';
import { checkpointBytes } from '@u2seg/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertWeights } from '../../src/networks/convert-weights.ts';
import { findInitialWeights, hashesOfInitialWeights, initializeFrom } from '../../src/networks/initial-weights.ts';
import { readModel } from '../../src/networks/model-file.ts';

describe('a checkpoint whose network is in', () => {
  let folder: string;
  let model: PanopticCascadeModel;
  let other: PanopticCascadeModel;
  const network = trainPreset('tiny').network({ things: 5, stuff: 3 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-wrapped-'));
    await loadTfBackend('cpu');
    model = PanopticCascadeModel.create(network, { seed: 1 });
    other = PanopticCascadeModel.create(network, { seed: 2 });
  });
  afterAll(async () => {
    model.dispose();
    other.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const under = (prefix: string, of = model): NamedTensor[] =>
    [...stateDict(of)].map(([name, entry]) => ({ name: prefix + name, ...entry }) as NamedTensor);
  const write = async (content: Parameters<typeof writeTorchCheckpoint>[0]): Promise<string> => {
    const path = join(folder, 'foreign.pth');
    await writeFile(path, writeTorchCheckpoint(content));
    return path;
  };
  const expectSame = async (from: string, wanted: PanopticCascadeModel): Promise<void> => {
    const to = join(folder, 'own.safetensors');
    await convertWeights({ from, to, network: 'tiny', force: true });
    const { model: read } = await readModel(to);
    expect(checkpointBytes(stateDict(read)).equals(checkpointBytes(stateDict(wanted)))).toBe(true);
    read.dispose();
    const fresh = PanopticCascadeModel.create(network, { seed: 3 });
    await initializeFrom(fresh, await findInitialWeights(from));
    expect(checkpointBytes(stateDict(fresh)).equals(checkpointBytes(stateDict(wanted)))).toBe(true);
    fresh.dispose();
  };

  it.each([
    ['nothing', undefined, ''],
    ['torch.compile', 'model', '_orig_mod.'],
    ['DistributedDataParallel, compiled', 'state_dict', '_orig_mod.module.'],
    ['FSDP', 'model_state_dict', '_fsdp_wrapped_module.'],
    ['an average alone', 'ema_state', 'module.'],
    ['an average alone, of timm', 'state_dict_ema', ''],
    ['Lightning with torch.compile', 'state_dict', 'net._orig_mod.'],
    ['Lightning, a teacher alone', 'state_dict', 'teacher.module.'],
  ])('%s', async (_, key, prefix) => {
    const tensors = under(prefix);
    await expectSame(await write(key === undefined ? tensors : { epoch: 3, [key]: tensors }), model);
  });

  it.each(['ema_state', 'model_ema', 'ema_state_dict'])(
    'model and in %s is asked about, and one is taken',
    async (key) => {
      const path = await write({ model: under('module.'), [key]: under('', other) });
      const wanted = `foreign.pth: wanted one network, got 2: "model.module", "${key}"; name one: write `;
      await expect(convertWeights({ from: path, to: join(folder, 'x.pth'), force: true })).rejects.toThrow(wanted);
      await expect(initializeFrom(model, path)).rejects.toThrow(`${path}#<name>`);
      await expectSame(`${path}#${key}`, other);
      await expectSame(`${path}#model`, model);
      await expect(findInitialWeights(`${path}x#model`)).rejects.toThrow('no such checkpoint');
      const hashes = await Promise.all([path, `${path}#model`, `${path}#${key}`].map(hashesOfInitialWeights));
      expect(new Set(hashes.map((parts) => parts.join())).size).toBe(3);
    },
  );

  it('teacher and student gives the teacher', async () => {
    await expectSame(await write({ state_dict: [...under('student.', other), ...under('teacher.')] }), model);
  });

  it('two averages is asked about by a backbone too', async () => {
    const tensor = { dtype: 'float32', shape: [1, 1, 64], data: new Float32Array(64) } as const;
    const path = await write({ model: [{ name: 'cls_token', ...tensor }], ema: [{ name: 'cls_token', ...tensor }] });
    await expect(loadBackbone('mine', { weights: path })).rejects.toThrow(
      'foreign.pth: wanted one network, got 2: "model", "ema"; name one: write --weights <file>#<name>.',
    );
    await expect(loadBackbone('mine', { weights: `${path}#ema` })).rejects.toThrow('"pos_embed" is missing');
  });
});
