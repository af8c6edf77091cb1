import { expect, it } from 'vitest';
import { withRun, type StudyRun } from '../src/self-training-record.ts';

const scores = (ap: number): { ap: number; ap50: number; ap75: number; ar100: number } => ({
  ap,
  ap50: 2 * ap,
  ap75: ap,
  ar100: ap,
});
const run = (seed: number, ap: number): StudyRun => ({
  seed,
  rows: [
    { name: 'labels', train: scores(8), instances: 3 },
    { name: 'round 1', train: scores(ap), test: scores(ap + 1), instances: 5 },
  ],
  seconds: 1,
  machine: {},
});
const study = { question: '?', protocol: 'AP', config: { scenes: 2 } };

it('keeps runs by seed and gives mean and deviation', () => {
  const one = withRun(undefined, study, run(2, 10));
  expect(one.spread[1]!.train.ap).toEqual({ mean: 10, deviation: null });
  const two = withRun(one, study, run(1, 12));
  expect(two.runs.map(({ seed }) => seed)).toEqual([1, 2]);
  expect(two.spread[0]!.train.ap).toEqual({ mean: 8, deviation: 0 });
  expect(two.spread[0]!.test).toBeUndefined();
  // (10 + 12) / 2, and sqrt(((10 - 11)^2 + (12 - 11)^2) / 1)
  expect(two.spread[1]!.train.ap).toEqual({ mean: 11, deviation: 1.41 });
  expect(two.spread[1]!.test!.ap50).toEqual({ mean: 24, deviation: 2.83 });
});

it('replaces a seed run again and forgets runs of another configuration', () => {
  const again = withRun(withRun(undefined, study, run(1, 10)), study, run(1, 20));
  expect(again.runs).toHaveLength(1);
  expect(again.spread[1]!.train.ap.mean).toBe(20);
  expect(withRun(again, { ...study, config: { scenes: 3 } }, run(2, 5)).runs.map(({ seed }) => seed)).toEqual([2]);
});
