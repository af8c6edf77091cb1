import {
  compareImage,
  evaluateUniversal,
  readClusterMapping,
  UniversalEvaluator,
  writeClusterMapping,
  type PanopticCategory,
  type UniversalOptions,
  type UniversalPair,
  type UniversalReport,
} from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const categories: readonly PanopticCategory[] = [
  { id: 1, name: 'cat', isThing: true },
  { id: 2, name: 'dog', isThing: true },
  { id: 7, name: 'sky', isThing: false },
  { id: 8, name: 'grass', isThing: false },
];
const options: UniversalOptions = { categories, numThingClusters: 3, numStuffClusters: 2, dataset: 'toy/val' };

/** Two rows: sky above, a cat and a dog on grass below. Clusters 2 and 0 are cat and dog, stuff 1 and 0 sky and grass. */
const pair = (name: string): UniversalPair => ({
  name,
  height: 2,
  width: 6,
  gt: {
    ids: Uint32Array.of(1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4),
    segments: [
      { id: 1, categoryId: 7 },
      { id: 2, categoryId: 1 },
      { id: 3, categoryId: 2 },
      { id: 4, categoryId: 8 },
    ],
  },
  prediction: {
    ids: Uint32Array.of(9, 9, 9, 8, 8, 8, 5, 5, 6, 6, 7, 7),
    segments: [
      { id: 9, clusterId: 1, isThing: false },
      { id: 8, clusterId: 1, isThing: false },
      { id: 5, clusterId: 2, isThing: true, score: 0.9 },
      { id: 6, clusterId: 0, isThing: true, score: 0.8 },
      { id: 7, clusterId: 0, isThing: false },
    ],
  },
});

describe('evaluateUniversal', () => {
  it('gives 1 to a perfect clustering, under every protocol, and says what it fitted', () => {
    const report = evaluateUniversal([pair('a'), pair('b')], options);
    expect(report.results.map((result) => result.protocol)).toEqual([
      'majority-vote',
      'hungarian-one-to-one',
      'hungarian-many-to-one',
    ]);
    for (const result of report.results) {
      expect(result.panoptic.all).toEqual({ pq: 1, sq: 1, rq: 1, classes: 4 });
      expect(result.semantic).toMatchObject({ miou: 1, pixelAccuracy: 1 });
      expect(result.semanticThingsPooled.perClass.map((one) => one.name)).toEqual(['things', 'sky', 'grass']);
      expect(result.mapping.classOfCluster).toEqual([1, -1, 0, 3, 2]);
      expect(result.mapping.fittedOn).toEqual({ dataset: 'toy/val', images: 2, sha256: report.sha256 });
      expect(result.fittedOnScoredData).toBe(true);
    }
    expect(report.results[0]!.mapping.thresholds).toEqual({ minScore: 0.6, minIou: 0.7, stuffMinIou: 0.15 });
  });

  it('finds split stuff a miss where stuff is not merged', () => {
    const report = evaluateUniversal([pair('a')], { ...options, mergeStuff: false });
    expect(report.results[0]!.panoptic.perClass[2]).toMatchObject({ tp: 0, fp: 2, fn: 1 });
  });

  it('applies a mapping that was fitted elsewhere, and says so', () => {
    const train = new UniversalEvaluator({ ...options, dataset: 'toy/train' });
    train.update(pair('t'));
    const mappings = train.fit().map((one) => readClusterMapping('mapping.json', writeClusterMapping(one)));
    const report = evaluateUniversal([pair('a')], options, mappings);
    expect(report.results.map((one) => one.fittedOnScoredData)).toEqual([false, false, false]);
    expect(report.results[0]!.mapping.fittedOn.dataset).toBe('toy/train');
    expect(report.results[0]!.panoptic.all.pq).toBe(1);
    const short = { ...mappings[0]!, classOfCluster: [0] };
    expect(() => evaluateUniversal([pair('a')], options, [short])).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: UniversalEvaluator.compute: the majority-vote mapping must be of 5 clusters to these 4 classes, got 1 to 4.]`,
    );
  });

  it('names the image of a bad segment', () => {
    const evaluator = new UniversalEvaluator(options);
    const bad = pair('7.jpg');
    expect(() =>
      evaluator.update({
        ...bad,
        prediction: { ...bad.prediction, segments: [{ id: 5, clusterId: 3, isThing: true }] },
      }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: UniversalEvaluator.update: 7.jpg: segment 5: clusterId must be an integer in [0, 2], got 3.]`,
    );
  });

  it('is the same for every order and sharding of the images', () => {
    const ids = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 12, maxLength: 12 });
    const scene = fc.record({
      gt: ids,
      prediction: ids,
      clusters: fc.array(fc.nat({ max: 1 }), { minLength: 5, maxLength: 5 }),
    });
    const toPair = (
      { gt, prediction, clusters }: { gt: number[]; prediction: number[]; clusters: number[] },
      i: number,
    ) => ({
      name: `image ${i}`,
      height: 3,
      width: 4,
      gt: {
        ids: Uint32Array.from(gt),
        segments: [1, 2, 3, 4].filter((id) => gt.includes(id)).map((id) => ({ id, categoryId: [0, 1, 2, 7, 8][id]! })),
      },
      prediction: {
        ids: Uint32Array.from(prediction),
        segments: [1, 2, 3, 4]
          .filter((id) => prediction.includes(id))
          .map((id) => ({ id, clusterId: clusters[id]!, isThing: id < 3 })),
      },
    });
    const text = (report: UniversalReport): string => JSON.stringify(report);
    fc.assert(
      fc.property(fc.array(scene, { minLength: 1, maxLength: 5 }), fc.nat({ max: 5 }), (scenes, cut) => {
        const pairs = scenes.map(toPair);
        const whole = evaluateUniversal(pairs, options);
        expect(text(evaluateUniversal([...pairs].reverse(), options))).toBe(text(whole));
        const shards = [pairs.slice(cut), pairs.slice(0, cut)].map((part) => {
          const evaluator = new UniversalEvaluator(options);
          for (const one of part) evaluator.update(one);
          return evaluator;
        }) as [UniversalEvaluator, UniversalEvaluator];
        shards[0].merge(shards[1]);
        expect(text(shards[0].compute())).toBe(text(whole));
        // as a worker would: compared there, sent as plain data, added here
        const home = new UniversalEvaluator(options);
        for (const one of pairs) home.add(structuredClone(compareImage(one)));
        expect(text(home.compute())).toBe(text(whole));
      }),
      { numRuns: 50 },
    );
  });
});
