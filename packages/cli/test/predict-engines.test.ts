import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSyntheticDataset } from '@u2seg/datasets';
import { loadTfBackend, PanopticCascadeModel, tinyConfig, u2segConfig } from '@u2seg/heads';
import { readOnnxModel } from '@u2seg/interchange';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '@u2seg/pipeline/internal';
import { u2seg } from './run-cli.ts';

const hasRuntime = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

let root: string;
let photos: string;
let model: string;

/** A fresh network whose scores pass the threshold. */
async function writeFreshModel(path: string, seed: number): Promise<void> {
  const base = tinyConfig(u2segConfig(4));
  const panoptic = { ...base.panoptic, minInstanceScore: 0, minStuffArea: 16 };
  const config = { ...base, panoptic, roi: { ...base.roi, minScore: 0.01 } };
  const network = PanopticCascadeModel.create(config, { seed });
  const info = { network: network.config, things: 4, stuff: 27, trainedOn: 'nothing' };
  await writeModel(path, network, { ...info, testSize: { shortestEdge: 64, maxSize: 96 } });
  network.dispose();
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-engines-'));
  const scenes = await writeSyntheticDataset(join(root, 'scenes'), { count: 2, seed: 5, height: 64, width: 96 });
  photos = scenes.imageFolder;
  await loadTfBackend('auto');
  await mkdir(join(root, 'model'));
  model = join(root, 'model', 'model.safetensors');
  await writeFreshModel(model, 1);
});

interface Instance {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
  readonly bbox: readonly number[];
}

async function predict(
  engine: string,
  out: string,
  ...more: string[]
): Promise<{ engine: string; instances: Instance[] }> {
  const flags = [
    '--model',
    model,
    '--out',
    join(root, out),
    '--engine',
    engine,
    '--min-score',
    '0.01',
    '--min-panoptic-score',
    '0',
    '--json',
    ...more,
  ];
  const { code, stdout, stderr } = await u2seg(['predict', photos, ...flags]);
  expect(code, stderr + stdout).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; message?: string });
  const folder = join(root, out, 'predictions');
  const [name] = (await readdir(folder)).filter((file) => /instances.*\.json$/u.test(file));
  const labels = JSON.parse(await readFile(join(folder, name!), 'utf8')) as Instance[] | { annotations: Instance[] };
  return {
    engine: events.find(({ message }) => message?.startsWith('Engine: ') === true)?.message ?? '',
    instances: 'annotations' in labels ? labels.annotations : labels,
  };
}

const graphs = async (): Promise<string[]> =>
  (await readdir(join(root, 'model'))).filter((name) => name.endsWith('.onnx'));

describe('u2seg predict', () => {
  it.skipIf(!hasRuntime)('says the same with onnxruntime, its graph made once, as with TensorFlow.js', async () => {
    const tfjs = await predict('tfjs', 'tfjs');
    expect(tfjs.engine).toMatch(/^Engine: TensorFlow\.js \(asked for\)/u);
    expect(await graphs()).toEqual([]);
    const first = await predict('auto', 'first');
    if (/tensorflow-gpu|it has a GPU/u.test(first.engine)) return;
    expect(first.engine).toMatch(/^Engine: onnxruntime \(first choice on a CPU\); graph exported to /u);
    expect(await graphs()).toEqual([expect.stringMatching(/^model\.[0-9a-f]{16}\.v\d+\.onnx$/u)]);
    const again = await predict('onnxruntime', 'again');
    expect(again.engine).toMatch(/^Engine: onnxruntime \(asked for\); graph from /u);
    expect(again.instances).toEqual(first.instances);
    expect(first.instances.length).toBe(tfjs.instances.length);
    expect(first.instances.length).toBeGreaterThan(0);
    for (const [i, one] of first.instances.entries()) {
      expect(one.category_id).toBe(tfjs.instances[i]!.category_id);
      expect(Math.abs(one.score - tfjs.instances[i]!.score)).toBeLessThanOrEqual(1e-3);
    }

    // another model of the same name: another graph, and the old one goes
    const before = await graphs();
    await writeFreshModel(model, 2);
    expect((await predict('onnxruntime', 'other')).engine).toMatch(/graph exported to /u);
    expect(await graphs()).toHaveLength(1);
    expect(await graphs()).not.toEqual(before);
  });

  it.skipIf(!hasRuntime)('makes a graph again that is no longer whole', async () => {
    await predict('onnxruntime', 'whole');
    const [name] = await graphs();
    const path = join(root, 'model', name!);
    await writeFile(path, (await readFile(path)).subarray(0, 5000));
    expect((await predict('onnxruntime', 'mended')).engine).toMatch(/graph exported to /u);
  });

  it('runs in bfloat16 where TensorFlow does, and says so', async () => {
    const native = (await loadTfBackend('auto')).name.startsWith('tensorflow');
    const flags = ['--model', model, '--precision', 'bfloat16', '--json'];
    if (!native) {
      const { code, stdout } = await u2seg(['predict', photos, ...flags, '--out', join(root, 'narrow')]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/precision bfloat16 needs native TensorFlow/u);
      return;
    }
    const exact = await predict('tfjs', 'exact');
    const rounded = await predict('auto', 'rounded', '--precision', 'bfloat16');
    expect(rounded.engine).toMatch(/^Engine: TensorFlow\.js \(bfloat16 was asked for\); bfloat16, /u);
    const best = ({ instances }: { instances: Instance[] }): number => Math.max(...instances.map(({ score }) => score));
    expect(Math.abs(best(rounded) - best(exact))).toBeLessThan(0.02);
    const { code, stdout } = await u2seg([
      'predict',
      photos,
      ...flags,
      '--engine',
      'onnxruntime',
      '--out',
      join(root, 'none'),
    ]);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/the exported graph computes in float32; bfloat16 wants --engine tfjs/u);
  });

  it('refuses an engine there is not', async () => {
    const { code, stderr } = await u2seg(['predict', photos, '--model', model, '--engine', 'magic']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/auto, onnxruntime, tfjs/u);
  });
});

describe('u2seg export', () => {
  it('writes the graph of a model and says what to feed it', async () => {
    const out = join(root, 'exported.onnx');
    const { code, stdout, stderr } = await u2seg(['export', '--run', model, '--out', out]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/shorter side 64, longer at most 96 pixels/u);
    const graph = readOnnxModel(new Uint8Array(await readFile(out)), out);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['image']);
    expect(graph.metadata.get('source_sha256')).toMatch(/^[0-9a-f]{64}$/u);
  });

  it('says which run has no model', async () => {
    const { code, stderr } = await u2seg(['export', '--run', join(root, 'nothing')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is no such model or run/u);
  });
});
