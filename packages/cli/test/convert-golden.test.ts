/** The golden network through `u2seg convert`: what comes back gives the reference's outputs, and PyTorch reads it. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeImage } from '@u2seg/datasets';
import { loadStateDict, loadTfBackend, PanopticCascadeModel, parseDetectron2Config } from '@u2seg/heads';
import { bytesOf, golden, unmatchedInstances, type GoldenDetections } from '@u2seg/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelInfo, readNetworkCheckpoint } from '@u2seg/pipeline/internal';
import { u2seg } from './run-main.ts';

const golds = golden('model-inference');
/** A Python with torch; without it that test is skipped. */
const python = process.env['U2SEG_PEER_PYTHON'];

describe.skipIf(golds === undefined)('golden checkpoint, converted and converted back', () => {
  if (golds === undefined) return;
  const config = golds.file('config.yaml');
  let folder: string;
  let ours: string;
  let back: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-convert-golden-'));
    ours = join(folder, 'ours.safetensors');
    back = join(folder, 'back.pth');
    const to = await u2seg(['convert', golds.file('model_init.pth'), ours, '--network', config]);
    expect(to.code, to.stderr).toBe(0);
    expect((await u2seg(['convert', ours, back])).code).toBe(0);
  }, 60_000);
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('golden names, shapes, dtypes and values, in detectron2’s order', async () => {
    const index = golds.json<Record<string, { shape: number[]; dtype: string }>>('state_dict_index.json');
    const original = await readNetworkCheckpoint(golds.file('model_init.pth'));
    const written = await readNetworkCheckpoint(back);
    expect([...written.keys()]).toEqual(Object.keys(index));
    for (const [name, tensor] of written) {
      expect(tensor.shape, name).toEqual(index[name]!.shape);
      expect(bytesOf(tensor).equals(bytesOf(original.get(name))), name).toBe(true);
    }
    expect(await readModelInfo(ours)).toMatchObject({ testSize: { shortestEdge: 128, maxSize: 200 } });
  });

  it('golden outputs of what was read back', async () => {
    await loadTfBackend('auto');
    const model = PanopticCascadeModel.create(parseDetectron2Config(await readFile(config, 'utf8')), { seed: 0 });
    loadStateDict(model, await readNetworkCheckpoint(back));
    for (const name of golds.list(/^img\d+\.png$/u).map((file) => file.replace('.png', ''))) {
      const final = golds.json<GoldenDetections>(`${name}_final.json`);
      const image = await decodeImage(golds.file(`${name}_resized.png`));
      const { instances, panoptic } = model.infer(image, { output: { height: final.height, width: final.width } });
      expect(instances.scores.length).toBe(final.instances.length);
      expect(unmatchedInstances(final, instances), name).toEqual([]);
      expect(panoptic!.segments.map(({ isThing, category }) => [isThing, category])).toEqual(
        final.panoptic_segments_info.map((segment) => [segment.isthing, segment.category_id]),
      );
    }
    model.dispose();
  }, 60_000);

  it.skipIf(python === undefined)(
    'PyTorch loads it with weights_only, equal to the original (U2SEG_PEER_PYTHON)',
    () => {
      const script = `
import sys, torch
a, b = (torch.load(path, weights_only=True)['model'] for path in sys.argv[1:3])
assert list(a) == list(b), 'names'
for name in a:
    assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and torch.equal(a[name], b[name]), name
print(len(b))`;
      const count = execFileSync(python!, ['-c', script, golds.file('model_init.pth'), back], { encoding: 'utf8' });
      expect(Number(count)).toBeGreaterThan(100);
    },
    60_000,
  );
});
