import { encodeMask } from '@u2seg/core';
import { expect, it } from 'vitest';
import { annotatedExample, fineTunePreset, type AnnotatedRegion } from '@u2seg/self-train';
import { fineTunePercentages } from '@u2seg/self-train/internal';

const image = { data: new Uint8Array(18), height: 1, width: 6 };

function region(row: string, categoryId: number, isThing: boolean, isCrowd = false): AnnotatedRegion {
  const mask = encodeMask({ data: Uint8Array.from(row, (c) => (c === '#' ? 1 : 0)), height: 1, width: row.length });
  return { mask, categoryId, isThing, isCrowd, bboxXywh: [0, 0, 2, 1] };
}

it('makes instances of things and a semantic target of everything', () => {
  const regions = [
    region('...###', 90, false),
    region('##....', 17, true),
    region('..#...', 3, true, true),
    region('......', 3, true),
  ];
  const example = annotatedExample(image, regions, { things: [3, 17], stuff: [80, 90] }, 'a.jpg');
  expect(example.instances.map(({ clusterId, area, bboxXywh }) => [clusterId, area, ...bboxXywh])).toEqual([
    [1, 2, 0, 0, 2, 1],
  ]);
  expect([...example.semantic!]).toEqual([0, 0, 0, 2, 2, 2]);
  const [thing] = annotatedExample(image, [regions[1]!], { things: [17], stuff: [80] }, 'a.jpg').semantic!.slice(3);
  expect(thing).toBe(255);
});

it('leaves the semantic target out where there is no stuff class, and says what it does not know', () => {
  const classes = { things: [17], stuff: [] };
  const example = annotatedExample(image, [region('##....', 17, true), region('..####', 90, false)], classes, 'a.jpg');
  expect(example.semantic).toBeUndefined();
  expect(example.instances).toHaveLength(1);
  expect(() => annotatedExample(image, [region('##....', 5, true)], classes, 'a.jpg')).toThrow(
    'annotatedExample: a.jpg: category 5 is not one of the 1 things.',
  );
  const { mask: _none, ...box } = region('##....', 17, true);
  expect(() => annotatedExample(image, [box], classes, 'a.jpg')).toThrow('has no mask');
});

it('has the recipe of every share of labels', () => {
  expect(fineTunePercentages).toEqual([1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100]);
  for (const percent of fineTunePercentages) {
    const { recipe, network } = fineTunePreset(percent);
    expect(recipe.schedule.steps[1]).toBeLessThan(recipe.iterations);
    expect(network({ things: 80, stuff: 0 }).semantic).toBeUndefined();
    expect(network({ things: 80, stuff: 53 }).semantic!.numClasses).toBe(54);
  }
  expect(fineTunePreset(2).recipe).toMatchObject({ iterations: 3600, schedule: { baseLr: 0.04, steps: [2400, 3200] } });
  expect(fineTunePreset(50).recipe).toMatchObject({
    schedule: { baseLr: 0.02, steps: [30_000, 40_000] },
    optimizer: { lrFactors: { 'roi_heads.box_predictor.2.cls_score': 2 } },
  });
  expect(() => fineTunePreset(3)).toThrow('percent must be one of 1, 2, 5');
});
