import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTfBackend, PanopticCascadeModel, stateDict, tinyConfig, u2segConfig } from '@u2seg/heads';
import { writeTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInitialWeights, initializeFrom } from '../../src/networks/initial-weights.ts';
import { bytesOf } from '@u2seg/testing';

/** The backbone's detectron2 name as torchvision and DINO's published ResNet-50 spell it. */
function torchvisionName(name: string): string | undefined {
  const inner = name.startsWith('backbone.bottom_up.') ? name.slice('backbone.bottom_up.'.length) : undefined;
  return inner
    ?.replace(/^stem\.conv1\.norm\./u, 'bn1.')
    .replace(/^stem\.conv1\./u, 'conv1.')
    .replace(/^res(\d)/u, (_, stage: string) => `layer${Number(stage) - 1}`)
    .replace(/\.conv(\d)\.norm\./u, '.bn$1.')
    .replace('.shortcut.norm.', '.downsample.1.')
    .replace('.shortcut.', '.downsample.0.');
}

describe('initial weights', () => {
  let folder: string;
  let source: PanopticCascadeModel;
  let model: PanopticCascadeModel;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-init-'));
    await loadTfBackend('cpu');
    source = PanopticCascadeModel.create(tinyConfig(u2segConfig(3)), { seed: 1 });
    model = PanopticCascadeModel.create(tinyConfig(u2segConfig(5)), { seed: 2 });
  });
  afterAll(async () => {
    source.dispose();
    model.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  const write = async (name: string, rename: (name: string) => string | undefined, under?: string): Promise<string> => {
    const tensors = [...stateDict(source)].flatMap(([own, entry]): NamedTensor[] => {
      const renamed = rename(own);
      return renamed === undefined ? [] : [{ name: renamed, ...entry } as NamedTensor];
    });
    const path = join(folder, name);
    await writeFile(path, writeTorchCheckpoint(under === undefined ? tensors : { [under]: tensors }));
    return path;
  };

  it.each([
    ['DINO’s published ResNet', 'dino.pth', torchvisionName, undefined],
    [
      'DINO’s training checkpoint',
      'train.pth',
      (name: string) => (torchvisionName(name) === undefined ? undefined : `module.backbone.${torchvisionName(name)}`),
      'teacher',
    ],
    [
      'the file CutLER starts from',
      'd2.pkl',
      (name: string) => (name.startsWith('backbone.bottom_up.') ? name.slice('backbone.bottom_up.'.length) : undefined),
      'model',
    ],
  ])('takes the backbone from %s and lists the rest', async (_, file, rename, under) => {
    const report = await initializeFrom(model, await write(file, rename, under));
    const [ours, theirs] = [stateDict(model), stateDict(source)];
    const backbone = [...ours.keys()].filter((name) => name.startsWith('backbone.bottom_up.'));
    expect(backbone.length).toBeGreaterThan(50);
    for (const name of backbone) expect(bytesOf(ours.get(name)).equals(bytesOf(theirs.get(name))), name).toBe(true);
    expect(report).toContain(
      `${backbone.length} tensors match, ${ours.size - backbone.length} are missing, 0 are unexpected`,
    );
    expect(report).toContain('  missing roi_heads.mask_head.predictor.weight');
  });

  it('takes what fits of a network with other classes', async () => {
    const report = await initializeFrom(model, await write('other.pth', (name) => name, 'model'));
    expect(report).toContain('shape of roi_heads.box_predictor.0.cls_score.weight: wanted [6, 128], got [4, 128]');
  });

  it('refuses what has nothing in common, and names that are neither file nor weights', async () => {
    await expect(initializeFrom(model, await write('none.pth', (name) => `x.${name}.y`))).rejects.toThrow(
      'none of its tensors fits',
    );
    await expect(findInitialWeights('dino-resnet5')).rejects.toThrow('none of the weights dino-resnet50');
  });
});
