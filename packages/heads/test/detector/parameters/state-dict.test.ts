import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden, type GoldenTensor } from '@u2seg/testing';
import { cutlerConfig, maskRcnnConfig, tinyConfig, u2segConfig } from '../../../src/detector/config/presets.ts';
import { PanopticCascadeModel } from '../../../src/detector/model.ts';
import { renameCheckpoint } from '../../../src/detector/parameters/checkpoint-names.ts';
import { parameterSpecs } from '../../../src/detector/parameters/parameter-specs.ts';
import { loadStateDict, stateDict, type CheckpointTensor } from '../../../src/detector/parameters/state-dict.ts';
import { loadTfBackend } from '../../../src/tf/load-backend.ts';
import { goldenModel } from '../../detector-goldens.ts';

const folder = golden('model-inference');
const tiny = tinyConfig(cutlerConfig());

/** True if both networks have the same names and the same bits; element by element it would take minutes. */
function sameValues(a: PanopticCascadeModel, b: PanopticCascadeModel): boolean {
  const bytesOf = (model: PanopticCascadeModel): Buffer =>
    Buffer.concat(
      [...stateDict(model)].flatMap(([name, { data }]) => [
        Buffer.from(name),
        Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      ]),
    );
  return bytesOf(a).equals(bytesOf(b));
}

describe('state dictionary', () => {
  let model: PanopticCascadeModel;

  beforeAll(async () => {
    await loadTfBackend('cpu');
    model = PanopticCascadeModel.create(tiny, { seed: 1 });
  });
  afterAll(() => model.dispose());

  it('comes back as it was written', () => {
    const written = stateDict(model);
    const other = PanopticCascadeModel.create(tiny, { seed: 2 });
    expect(sameValues(other, model)).toBe(false);
    const report = loadStateDict(other, written);
    expect(report.loaded).toHaveLength(written.size);
    expect(sameValues(other, model)).toBe(true);
    other.dispose();
  });

  it('gives the same parameters for the same seed', () => {
    const again = PanopticCascadeModel.create(tiny, { seed: 1 });
    expect(sameValues(again, model)).toBe(true);
    again.dispose();
  });

  it('lists every name that does not match with the nearest candidate, and loads nothing', () => {
    const changed = new Map<string, CheckpointTensor>(stateDict(model));
    const misspelt = 'roi_heads.box_predictor.1.cls_scores.weight';
    changed.set(misspelt, changed.get('roi_heads.box_predictor.1.cls_score.weight')!);
    changed.delete('roi_heads.box_predictor.1.cls_score.weight');
    changed.set('backbone.fpn_lateral2.weight', { dtype: 'float32', shape: [1], data: Float32Array.of(0) });
    expect(() => loadStateDict(model, changed)).toThrowErrorMatchingInlineSnapshot(`
      [U2SegError: loadStateDict: 186 tensors match, 1 are missing, 1 are unexpected, 1 have another shape.
        missing roi_heads.box_predictor.1.cls_score.weight (nearest: roi_heads.box_predictor.1.cls_scores.weight)
        unexpected roi_heads.box_predictor.1.cls_scores.weight (nearest: roi_heads.box_predictor.1.cls_score.weight)
        shape of backbone.fpn_lateral2.weight: wanted [32, 32, 1, 1], got [1]]
    `);
    const report = loadStateDict(model, changed, { onMismatch: 'report' });
    expect(report.missing).toEqual([{ name: 'roi_heads.box_predictor.1.cls_score.weight', nearest: misspelt }]);
  });

  it('recognizes DINO and wrapped names by rule', () => {
    const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(0) } as const;
    const names = parameterSpecs(u2segConfig()).map(({ name }) => name);
    const given = {
      'conv1.weight': 'backbone.bottom_up.stem.conv1.weight',
      'bn1.running_var': 'backbone.bottom_up.stem.conv1.norm.running_var',
      'layer1.0.downsample.0.weight': 'backbone.bottom_up.res2.0.shortcut.weight',
      'layer1.0.downsample.1.bias': 'backbone.bottom_up.res2.0.shortcut.norm.bias',
      'layer4.2.bn3.weight': 'backbone.bottom_up.res5.2.conv3.norm.weight',
      'res3.1.conv2.weight': 'backbone.bottom_up.res3.1.conv2.weight',
      'model.sem_seg_head.predictor.bias': 'sem_seg_head.predictor.bias',
      'fc.weight': 'fc.weight',
    };
    const { tensors, renamed } = renameCheckpoint(new Map(Object.keys(given).map((name) => [name, tensor])), names);
    expect([...tensors.keys()]).toEqual(Object.values(given));
    expect(renamed.size).toBe(Object.keys(given).length - 1);
  });

  it('names the parameters of plain Mask R-CNN without a stage', () => {
    const names = parameterSpecs(maskRcnnConfig()).map(({ name }) => name);
    expect(names).toContain('roi_heads.box_head.fc1.weight');
    expect(names).toContain('roi_heads.box_predictor.bbox_pred.weight');
    expect(names.some((name) => name.startsWith('sem_seg_head'))).toBe(false);
  });

  it.skipIf(folder === undefined)('golden names, shapes, dtypes and values survive a round trip', () => {
    const index = folder!.json<Record<string, { shape: number[]; dtype: string }>>('state_dict_index.json');
    const original = folder!.tensors('model_init.safetensors');
    const reference = goldenModel(folder!);
    const written = stateDict(reference);
    expect([...written.keys()]).toEqual(Object.keys(index));
    for (const [name, { shape, dtype, data }] of written) {
      expect({ shape, dtype: `torch.${dtype}` }, name).toEqual(index[name]);
      expect([...data], name).toEqual([...(original.get(name) as GoldenTensor).data]);
    }
    reference.dispose();
  });
});
