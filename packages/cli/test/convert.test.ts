import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTfBackend, PanopticCascadeModel, stateDict } from '@u2seg/heads';
import { readTorchCheckpoint, writeTorchCheckpoint } from '@u2seg/interchange';
import { trainPreset } from '@u2seg/self-train';
import { beforeAll, expect, it } from 'vitest';
import { readModel, readModelInfo, writeModel } from '../src/pipeline/model-file.ts';
import { u2seg } from './run-main.ts';

let folder: string;
let own: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-convert-'));
  own = join(folder, 'own.safetensors');
  await loadTfBackend('auto');
  const preset = trainPreset('tiny');
  const network = preset.network({ things: 5, stuff: 3 });
  const model = PanopticCascadeModel.create(network, { seed: 1 });
  await writeModel(own, model, { network, things: 5, stuff: 3, testSize: preset.testSize, trainedOn: 'nothing' });
  model.dispose();
});

it('writes detectron2’s layout and reads it back, classes from the predictors', async () => {
  const pth = join(folder, 'model.pth');
  expect(await u2seg(['convert', own, pth])).toMatchObject({ code: 0 });
  const { tensors } = readTorchCheckpoint(new Uint8Array(await readFile(pth)), pth);
  expect(tensors.map(({ name }) => name)).toContain('model.roi_heads.box_predictor.0.cls_score.weight');
  const back = join(folder, 'back.safetensors');
  const { code, stdout, stderr } = await u2seg(['convert', pth, back, '--network', 'tiny']);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/5 thing and 3 stuff classes/u);
  expect(await readModelInfo(back)).toMatchObject({ things: 5, stuff: 3 });
  const [first, second] = [await readModel(own), await readModel(back)];
  expect([...stateDict(second.model)]).toEqual([...stateDict(first.model)]);
});

it('says what does not fit, and keeps a file that is there', async () => {
  const pth = join(folder, 'other.pth');
  const weight = { dtype: 'float32' as const, shape: [4, 2], data: new Float32Array(8) };
  await writeFile(
    pth,
    writeTorchCheckpoint({ model: [{ name: 'roi_heads.box_predictor.0.cls_score.weight', ...weight }] }),
  );
  const small = await u2seg(['convert', pth, join(folder, 'x.safetensors'), '--network', 'tiny']);
  expect([small.code, small.stderr]).toEqual([1, expect.stringMatching(/does not fit the network of tiny.*missing/su)]);
  await writeFile(pth, writeTorchCheckpoint({ model: [{ name: 'conv1.weight', ...weight }] }));
  const none = await u2seg(['convert', pth, join(folder, 'x.safetensors')]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/no Cascade Mask R-CNN/u)]);
  const there = await u2seg(['convert', own, pth]);
  expect([there.code, there.stderr]).toEqual([1, expect.stringMatching(/--force/u)]);
  expect((await u2seg(['convert', own, join(folder, 'x.onnx')])).code).toBe(2);
});
