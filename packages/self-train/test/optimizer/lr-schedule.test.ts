import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { learningRate } from '@u2seg/self-train';
import { assertLrSchedule } from '@u2seg/self-train/internal';

const folder = golden('model-training');

describe('learningRate', () => {
  it('warms up to the rate due at its end and steps down exactly at the steps', () => {
    const schedule = { baseLr: 1, steps: [4, 8], gamma: 0.1, warmupIterations: 2, warmupFactor: 0 };
    const rates = Array.from({ length: 10 }, (_, i) => learningRate(schedule, i));
    expect(rates).toBeAllClose([0, 0.5, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01], { rtol: 1e-12 });
  });

  it('does without warm-up and steps', () => {
    const schedule = { baseLr: 0.5, steps: [], gamma: 0.1, warmupIterations: 0, warmupFactor: 0 };
    expect(learningRate(schedule, 0)).toBe(0.5);
  });

  it('refuses steps out of order', () => {
    const schedule = { baseLr: 0.5, steps: [9, 3], gamma: 0.1, warmupIterations: 0, warmupFactor: 0 };
    expect(() => assertLrSchedule('here', schedule)).toThrow('steps ascending');
  });
});

describe.skipIf(folder === undefined)('golden lr_schedule', () => {
  if (folder === undefined) return;
  const { config, values } = folder.json<{
    config: { BASE_LR: number; STEPS: number[]; GAMMA: number; WARMUP_ITERS: number; WARMUP_FACTOR: number };
    values: { iter: number; lr: number }[];
  }>('lr_schedule.json');
  it(`${values.length} iterations`, () => {
    const schedule = {
      baseLr: config.BASE_LR,
      steps: config.STEPS,
      gamma: config.GAMMA,
      warmupIterations: config.WARMUP_ITERS,
      warmupFactor: config.WARMUP_FACTOR,
    };
    const rates = values.map(({ iter }) => learningRate(schedule, iter));
    expect(rates).toBeAllClose(
      values.map(({ lr }) => lr),
      { rtol: 1e-12 },
    );
  });
});
