import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { SeededRng } from '@u2seg/core';
import { loadTfBackend, PanopticCascadeModel, stateDict, type TfBackend } from '@u2seg/heads';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readCurve, trainPanoptic, type TrainPanopticOptions, type TrainResult } from '@u2seg/self-train';
import { DataOrder, trainSample } from '@u2seg/self-train/internal';
import { accumulateGradients } from '../../src/train/accumulate-gradients.ts';
import { inMemory, smallestConfig, smallestRecipe, smallestScenes } from '../synthetic-examples.ts';

const examples = smallestScenes(5);
const recipe: TrainPanopticOptions = { ...smallestRecipe, preciseBnBatches: 1 };

let folder: string;
let backend: TfBackend;
beforeAll(async () => {
  backend = await loadTfBackend('auto');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-train-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Run extends TrainResult {
  readonly weights: ReadonlyMap<string, ArrayLike<number | bigint>>;
}

async function run(options: Partial<TrainPanopticOptions> = {}, config = smallestConfig()): Promise<Run> {
  const model = PanopticCascadeModel.create(config, { seed: 3 });
  try {
    const result = await trainPanoptic(model, inMemory(examples), { ...recipe, ...options });
    result.ema?.dispose();
    return { ...result, weights: new Map([...stateDict(model)].map(([name, { data }]) => [name, data])) };
  } finally {
    model.dispose();
  }
}

describe('DataOrder', () => {
  it('visits every example once an epoch, in an order that depends on seed and position only', () => {
    const visits = (seed: number): number[] => {
      const order = new DataOrder(7, seed);
      return Array.from({ length: 21 }, (_, i) => order.at(i));
    };
    expect(new Set(visits(1).slice(7, 14)).size).toBe(7);
    expect(visits(1)).toEqual(visits(1));
    expect(visits(1)).not.toEqual(visits(2));
    expect(new DataOrder(7, 1).at(15)).toBe(visits(1)[15]);
    expect(new DataOrder(1, 1).at(9)).toBe(0);
  });
});

describe('trainPanoptic', () => {
  it('holds after 500 steps the tensors it held after two', { timeout: 600_000 }, async () => {
    const tensors: number[] = [];
    const quick = { batchSize: 1, iterations: 500, schedule: { ...recipe.schedule, steps: [400] } };
    await run({ ...quick, onProgress: ({ values }) => tensors.push(values!['tensors']!) });
    expect(tensors).toHaveLength(500);
    expect(new Set(tensors.slice(2)).size).toBe(1);
  });

  it('takes the same steps again, stopped and resumed or not', async () => {
    const events: number[] = [];
    const undisturbed = await run({ onProgress: ({ done }) => events.push(done) });
    expect(events).toEqual([1, 2, 3, 4]);
    expect(undisturbed.curve.map(({ lr }) => lr)).toBeAllClose([0.001, 0.0055, 0.01, 0.001], { rtol: 1e-9 });

    const stop = new AbortController();
    const first = await run({
      folder,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 2) stop.abort();
      },
    });
    expect(first.finished).toBe(false);
    // What a kill leaves behind: a step after the checkpoint, and half a line.
    const curveFile = join(folder, 'curve.jsonl');
    await writeFile(
      curveFile,
      `${await readFile(curveFile, 'utf8')}{"iteration":3,"lr":1,"total":1,"losses":{}}\n{"iter`,
    );
    const second = await run({ folder });
    expect(second.resumedFrom).toBe(2);
    expect(second.curve).toEqual(undisturbed.curve);
    expect(await readCurve(curveFile)).toEqual(undisturbed.curve);
    expect(second.weights).toEqual(undisturbed.weights);

    const third = await run({ folder });
    expect(third.resumedFrom).toBe(4);
    expect(third.weights).toEqual(undisturbed.weights);
    expect((await readdir(join(folder, 'checkpoints'))).length).toBe(2);
    await expect(run({ folder, seed: 6 })).rejects.toThrow('was made with other settings');
    const config = smallestConfig();
    const other = { ...config, roi: { ...config.roi, dropLossIou: 0.01 } };
    await expect(run({ folder }, other)).rejects.toThrow('was made with other settings');
  }, 600_000);

  it('continues a run with another number of PreciseBN batches, which gives what it gives alone', async () => {
    const quick = { iterations: 2, emaDecay: 0 };
    const one = await run({ ...quick, folder, preciseBnBatches: 1 });
    const two = await run({ ...quick, preciseBnBatches: 2 });
    expect(two.curve).toEqual(one.curve);
    expect(two.weights).not.toEqual(one.weights);
    const continued = await run({ ...quick, folder, preciseBnBatches: 2 });
    expect(continued.resumedFrom).toBe(2);
    expect(continued.weights).toEqual(two.weights);
  }, 600_000);

  it('holds no more tensors after ten steps than after one', async () => {
    const counts: number[] = [];
    await run({ iterations: 10, emaDecay: 0, onProgress: ({ values }) => counts.push(values!['tensors']!) });
    expect(new Set(counts).size).toBe(1);
    expect(backend.name).toBeDefined();
  }, 600_000);

  it('averages the gradients of micro-batches', async () => {
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const parts = [examples.slice(0, 2), examples.slice(2, 4)].map((part) => part.map(trainSample));
    const rng = (part: number): SeededRng => new SeededRng(part);
    const before = tf.memory().numTensors;
    const step = await accumulateGradients(model, 2, async (part) => parts[part]!, rng);
    const each = parts.map((part, i) => model.gradients(part, { rng: rng(i) }));
    expect([step.total]).toBeAllClose([(each[0]!.total + each[1]!.total) / 2], { rtol: 1e-6 });
    for (const [name, gradient] of Object.entries(step.gradients)) {
      const [first, second] = each.map(({ gradients }) => gradients.get(name)!.dataSync());
      const mean = Float32Array.from(first!, (value, i) => (value + second![i]!) / 2);
      expect(gradient.dataSync(), name).toBeAllClose(mean, { ofMax: 1e-6 });
      gradient.dispose();
    }
    for (const { gradients } of each) gradients.forEach((gradient) => gradient.dispose());
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
    const result = await run({ iterations: 1, batchSize: 4, microBatches: 2 });
    expect(Number.isFinite(result.curve[0]!.total)).toBe(true);
  }, 60_000);

  it('stops at a loss that is no number, names the photos and keeps the last checkpoint', async () => {
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const poisoned = {
      length: examples.length,
      load: async (index: number) => {
        poisoned.loads += 1;
        if (poisoned.loads > 4) {
          const variable = model.parameters().get('sem_seg_head.predictor.bias')!;
          tf.tidy(() => variable.assign(tf.fill(variable.shape, Number.NaN)));
        }
        return examples[index]!;
      },
      loads: 0,
    };
    const failure = trainPanoptic(model, poisoned, { ...recipe, folder, checkpointEvery: 1, copyPaste: { rate: 0 } });
    await expect(failure).rejects.toThrow(/iteration 3 on \[scene \d, scene \d\]: loss_sem_seg is NaN/u);
    await expect(failure).rejects.toMatchObject({ code: 'not-converged' });
    expect((await readdir(join(folder, 'checkpoints'))).sort()).toEqual([
      'checkpoint-00000001.safetensors',
      'checkpoint-00000002.safetensors',
    ]);
    model.dispose();
  }, 600_000);

  it('says what is wrong with its arguments', async () => {
    await expect(run({ batchSize: 0 })).rejects.toThrow('batchSize must be an integer');
    await expect(run({ microBatches: 9 })).rejects.toThrow('microBatches');
    await expect(run({ augment: { shortestEdge: [32] } })).rejects.toThrow('resize must be given');
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    await expect(trainPanoptic(model, inMemory([]), recipe)).rejects.toThrow('data.length');
    model.dispose();
  });
});
