import * as tf from '@tensorflow/tfjs-core';
import { SeededRng } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import { beforeAll, describe, expect, it } from 'vitest';
import { adamW, ema, preciseBatchNorm, sgd, type ModelParameter } from '@u2seg/self-train';
import { clipGradient, parameterSettings } from '@u2seg/self-train/internal';

beforeAll(async () => {
  await loadTfBackend('cpu');
});

const parameter = (name: string, values: number[], role: ModelParameter['role'] = 'weight'): ModelParameter => ({
  name,
  variable: tf.variable(tf.tensor1d(values)),
  role,
});

describe('parameterSettings', () => {
  it('spares normalization layers from decay, and their offsets unless a decay for offsets is given', () => {
    const rules = { weightDecay: 0.1, weightDecayNorm: 0 };
    expect(parameterSettings(parameter('a.weight', [1]), rules)).toEqual({ weightDecay: 0.1, lrFactor: 1 });
    expect(parameterSettings(parameter('a.bias', [1], 'bias'), rules).weightDecay).toBe(0.1);
    expect(parameterSettings(parameter('a.norm.bias', [1], 'norm'), rules).weightDecay).toBe(0);
    const biased = { ...rules, weightDecayBias: 0.3, biasLrFactor: 2, lrFactors: { 'a.': 5 } };
    expect(parameterSettings(parameter('a.norm.bias', [1], 'norm'), biased)).toEqual({
      weightDecay: 0.3,
      lrFactor: 10,
    });
    expect(parameterSettings(parameter('b.norm.weight', [1], 'norm'), biased)).toEqual({ weightDecay: 0, lrFactor: 1 });
  });
});

describe('clipGradient', () => {
  it('leaves a short gradient and scales a long one to the norm', () => {
    expect(clipGradient(tf.tensor1d([0.3, 0.4]), 1).dataSync()).toBeAllClose([0.3, 0.4], { rtol: 1e-6 });
    expect(clipGradient(tf.tensor1d([3, 4]), 1).dataSync()).toBeAllClose([0.6, 0.8], { rtol: 1e-6 });
    expect(clipGradient(tf.tensor1d([0, 0]), 1).dataSync()).toBeAllClose([0, 0]);
  });
});

describe('sgd', () => {
  it('follows torch.optim.SGD over two steps, worked by hand', () => {
    const p = parameter('w', [1]);
    const optimizer = sgd([p], { momentum: 0.9, clipNorm: Number.POSITIVE_INFINITY, weightDecay: 0.1 });
    optimizer.step({ w: tf.tensor1d([2]) }, 0.5);
    // g = 2 + 0.1 * 1 = 2.1; v = 2.1; w = 1 - 1.05 = -0.05
    expect(p.variable.dataSync()).toBeAllClose([-0.05], { atol: 1e-6 });
    optimizer.step({ w: tf.tensor1d([1]) }, 0.5);
    // g = 1 - 0.005 = 0.995; v = 1.89 + 0.995 = 2.885; w = -0.05 - 1.4425
    expect(p.variable.dataSync()).toBeAllClose([-1.4925], { atol: 1e-6 });
    expect(optimizer.steps).toBe(2);
  });

  it('leaves a parameter without gradient alone and keeps no tensor behind', () => {
    const p = parameter('w', [1]);
    const optimizer = sgd([p]);
    const gradient = tf.tensor1d([1]);
    const before = tf.memory().numTensors;
    optimizer.step({}, 0.5);
    expect([...p.variable.dataSync()]).toEqual([1]);
    optimizer.step({ w: gradient }, 0.5);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('adamW', () => {
  it('moves by the learning rate at the first step, after the decay', () => {
    const p = parameter('w', [1, -1]);
    adamW([p], { weightDecay: 0.5, clipNorm: Number.POSITIVE_INFINITY }).step({ w: tf.tensor1d([3, -0.1]) }, 0.1);
    expect(p.variable.dataSync()).toBeAllClose([0.95 - 0.1, -0.95 + 0.1], { rtol: 1e-5 });
  });
});

describe.each(['sgd', 'adamW'] as const)('%s on parameters small and large', (kind) => {
  it('takes the same steps by a loop and by tensor operations', () => {
    // 65,537 values go the tensor way; the same values in pieces go the other.
    const size = 2 ** 16 + 1;
    const rng = new SeededRng(3);
    const draw = (): Float32Array => Float32Array.from({ length: size }, () => rng.next() - 0.5);
    const start = draw();
    const gradients = [draw(), draw(), draw()];
    const make = (values: Float32Array): ModelParameter => ({
      name: 'w',
      variable: tf.variable(tf.tensor1d(values)),
      role: 'weight',
    });
    const run = (from: number, to: number): Float32Array => {
      const p = make(start.slice(from, to));
      const options = { weightDecay: 0.1, clipNorm: Number.POSITIVE_INFINITY };
      const optimizer = kind === 'sgd' ? sgd([p], options) : adamW([p], options);
      for (const gradient of gradients) optimizer.step({ w: tf.tensor1d(gradient.slice(from, to)) }, 0.1);
      return p.variable.dataSync() as Float32Array;
    };
    const whole = run(0, size);
    expect(whole.slice(0, 1000)).toBeAllClose(run(0, 1000), { atol: 2e-6 });
    expect(whole.slice(-1000)).toBeAllClose(run(size - 1000, size), { atol: 2e-6 });
  });

  it('clips the small as the large', () => {
    const p = parameter('w', [1, 1]);
    const options = { clipNorm: 1, weightDecay: 0 };
    const optimizer = kind === 'sgd' ? sgd([p], options) : adamW([p], options);
    optimizer.step({ w: tf.tensor1d([30, 40]) }, 0.1);
    const wanted = kind === 'sgd' ? [1 - 0.06, 1 - 0.08] : [0.9, 0.9];
    expect(p.variable.dataSync()).toBeAllClose(wanted, { rtol: 1e-5 });
  });
});

describe('ema', () => {
  it('averages parameters, copies buffers and swaps back', async () => {
    const p = parameter('w', [1]);
    const buffer = { name: 'mean', variable: tf.variable(tf.tensor1d([0]), false) };
    const average = ema([p], [buffer], 0.5);
    p.variable.assign(tf.tensor1d([3]));
    buffer.variable.assign(tf.tensor1d([7]));
    average.update();
    await average.within(async () => {
      expect([...p.variable.dataSync()]).toEqual([2]);
      expect([...buffer.variable.dataSync()]).toEqual([7]);
    });
    expect([...p.variable.dataSync()]).toEqual([3]);
  });
});

describe('preciseBatchNorm', () => {
  /** Mean and unbiased variance of some values. */
  const moments = (values: readonly number[]): [number[], number[], number] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return [[mean], [squares / (values.length - 1)], values.length];
  };

  it('takes all batches as one, large ones for more', async () => {
    const buffers = ['a.running_mean', 'a.running_var', 'b.running_mean'].map((name) => ({
      name,
      variable: tf.variable(tf.tensor1d([100]), false),
    }));
    const batches = [
      [1, 3],
      [2, 2, 8, 12],
    ];
    await preciseBatchNorm(buffers, batches.length, async (i, report) => report('a', ...moments(batches[i]!)));
    const all = batches.flat();
    const [mean] = moments(all);
    const variance = all.reduce((sum, value) => sum + (value - mean[0]!) ** 2, 0) / all.length;
    expect(buffers.map(({ variable }) => variable.dataSync()[0]!)).toBeAllClose([28 / 6, variance, 100], {
      rtol: 1e-6,
    });
    await expect(preciseBatchNorm(buffers, 0, async () => {})).rejects.toThrow('at least 1');
  });
});
