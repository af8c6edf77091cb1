import { parameterSpecs } from '@u2seg/heads/internal';
import { trainPreset, trainPresets } from '@u2seg/self-train';
import { assertLrSchedule } from '@u2seg/self-train/internal';
import { expect, it } from 'vitest';

it.each([...trainPresets.values()])('$name has a network, a sound schedule and sources', (preset) => {
  const config = preset.network({ things: 300, stuff: 27 });
  expect(parameterSpecs(config).length).toBeGreaterThan(100);
  assertLrSchedule(preset.name, preset.recipe.schedule);
  expect(preset.recipe.schedule.steps.every((step) => step < preset.recipe.iterations)).toBe(true);
  expect(preset.sources.length).toBeGreaterThan(0);
  expect(trainPreset(preset.name)).toBe(preset);
});

it('has the published values where they are easy to get wrong', () => {
  expect(trainPreset('u2seg-800').network({ things: 800, stuff: 27 })).toMatchObject({
    roi: { numClasses: 800 },
    semantic: { numClasses: 28 },
    rpn: { nmsThreshold: 0.65, postNmsTopk: { train: 4000 } },
  });
  const stage1 = trainPreset('cutler-stage1');
  const round1 = trainPreset('cutler-round1');
  const any = { things: 1, stuff: 0 };
  expect([stage1, round1].map((preset) => preset.network(any).roi.dropLossIou)).toEqual([0.01, undefined]);
  expect([stage1, round1].map((preset) => preset.recipe.schedule.baseLr)).toEqual([0.01, 0.005]);
  expect([stage1, round1].map((preset) => preset.recipe.copyPaste!.minRatio)).toEqual([0.3, 0.5]);
  expect(trainPreset('u2seg-300').recipe.schedule).toMatchObject({ steps: [210_000, 250_000], gamma: 0.02 });
  expect(trainPreset('cups').network(any).roi.dropLossIou).toBe(0.4);
  // what a configuration leaves out is detectron2's default
  const decays = ['cutler-stage1', 'cutler-mask-rcnn', 'cutler-round1', 'cutler-round2'].map(
    (name) => trainPreset(name).recipe.optimizer.weightDecay,
  );
  expect(decays).toEqual([5e-5, 5e-5, 1e-4, 1e-4]);
  expect(trainPreset('cutler-mask-rcnn').recipe.schedule.gamma).toBe(0.1);
  expect(['cutler-round1', 'cutler-round2'].map((name) => trainPreset(name).roundScores)).toEqual([[0.7], [0.65]]);
});

it('names both where paper and code of U2Seg differ', () => {
  for (const name of ['u2seg-300', 'u2seg-800']) {
    const [code, paper] = [trainPreset(name), trainPreset(`${name}-paper`)];
    expect([code.recipe.iterations, paper.recipe.iterations]).toEqual([270_000, 90_000]);
    expect([code.recipe.copyPaste, paper.recipe.copyPaste?.rate]).toEqual([undefined, 1]);
    const classes = { things: 300, stuff: 27 };
    expect(paper.network(classes)).toEqual(code.network(classes));
  }
});

it('lets only heads learn in the self-training of CUPS', () => {
  const preset = trainPreset('cups-self-training');
  const { lrFactors } = preset.recipe.optimizer;
  const specs = parameterSpecs(preset.network({ things: 15, stuff: 12 })).filter(({ trainable }) => trainable);
  const moving = specs.filter(({ name }) => !Object.keys(lrFactors!).some((prefix) => name.startsWith(prefix)));
  expect(moving.map(({ name }) => name)).toEqual(
    specs.map(({ name }) => name).filter((name) => name.includes('head') && !name.includes('norm')),
  );
  expect(moving.length).toBeGreaterThan(20);
});

it('lists the presets when asked for one there is not', () => {
  expect(() => trainPreset('u2seg-2911')).toThrow('wanted one of u2seg-300, u2seg-300-paper, u2seg-800');
});
