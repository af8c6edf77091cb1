import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTfBackend, maskRcnnConfig, PanopticCascadeModel, stateDict, tinyConfig } from '@u2seg/heads';
import { readTorchCheckpoint, writeTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';
import { trainPreset } from '@u2seg/self-train';
import { beforeAll, expect, it } from 'vitest';
import { readModel, readModelInfo, writeModel } from '@u2seg/pipeline/internal';
import { u2seg } from './run-main.ts';
import { checkpointBytes } from '@u2seg/testing';

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
  expect(checkpointBytes(stateDict(second.model)).equals(checkpointBytes(stateDict(first.model)))).toBe(true);
});

/** A checkpoint's tensors as a file of another trainer holds them. */
async function checkpointOf(
  model: PanopticCascadeModel,
  rename: (name: string) => string | undefined,
): Promise<string> {
  const tensors = [...stateDict(model)].flatMap(([name, entry]): NamedTensor[] => {
    const renamed = rename(name);
    return renamed === undefined ? [] : [{ name: renamed, ...entry } as NamedTensor];
  });
  const path = join(folder, 'foreign.ckpt');
  await writeFile(path, writeTorchCheckpoint({ state_dict: tensors }));
  return path;
}

it('reads a Lightning checkpoint of CUPS: student beside teacher, batch normalization frozen', async () => {
  const { model } = await readModel(own);
  const path = await checkpointOf(model, (name) =>
    name.endsWith('num_batches_tracked') ? undefined : `model.${name}`,
  );
  const out = join(folder, 'cups.safetensors');
  const { code, stderr } = await u2seg(['convert', path, out, '--network', 'tiny']);
  expect(code, stderr).toBe(0);
  const { network } = await readModelInfo(out);
  expect([network.resnet.norm, network.fpn.norm, network.semantic!.norm]).toEqual(['FrozenBN', 'FrozenBN', 'GN']);
  const { model: frozen } = await readModel(out);
  const image = { data: new Uint8Array(64 * 96 * 3).map((_, i) => i % 251), height: 64, width: 96 };
  // at test time frozen and running statistics are the same thing
  expect(frozen.infer(image)).toEqual(model.infer(image));
  const both = await checkpointOf(model, (name) =>
    name.startsWith('sem_seg_head.predictor') ? `teacher_model.model.${name}` : `model.${name}`,
  );
  const partly = await u2seg(['convert', both, join(folder, 'x.safetensors'), '--network', 'tiny']);
  expect(partly.stderr).toMatch(
    /missing sem_seg_head\.predictor\.weight \(nearest: teacher_model\.model\.sem_seg_head/u,
  );
});

it('reads plain Mask R-CNN, whose heads have no stage', async () => {
  const model = PanopticCascadeModel.create(tinyConfig(maskRcnnConfig()), { seed: 1 });
  const path = await checkpointOf(model, (name) => name);
  const out = await u2seg(['convert', path, join(folder, 'rcnn.safetensors')]);
  expect(out.stderr).toMatch(/does not fit the network of cutler-mask-rcnn.*shape of backbone/su);
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
  expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/no Mask R-CNN or Cascade/u)]);
  const there = await u2seg(['convert', own, pth]);
  expect([there.code, there.stderr]).toEqual([1, expect.stringMatching(/--force/u)]);
  expect((await u2seg(['convert', own, join(folder, 'x.onnx')])).code).toBe(2);
});
