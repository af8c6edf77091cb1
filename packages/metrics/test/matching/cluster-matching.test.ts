import {
  cityscapes19,
  cityscapes27,
  coco133,
  cocoStuff27,
  InstanceVotes,
  matchClusterGroups,
  matchClusters,
  PixelVotes,
  remapTable,
  SemanticVotes,
  sequentialRemapTable,
  u2seg95,
  u2segSemantic16,
  UnsupervisedSemantics,
  uvo81,
  voc20,
  type VoteCounts,
} from '@u2seg/metrics';
import { cocoStuffFineToCoarse, DataHash, u2segPanopticIds } from '@u2seg/metrics/internal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const votes = (numClasses: number, ...rows: readonly (readonly number[])[]): VoteCounts => ({
  numClusters: rows.length,
  numClasses,
  counts: Float64Array.from(rows.flat()),
});

describe('matchClusters', () => {
  // clusters 0 and 1 both prefer class 0
  const table = votes(2, [5, 4], [6, 0], [0, 0], [1, 1]);

  it('lets many clusters share a class by majority, ties to the lowest', () => {
    const match = matchClusters(table, 'majority-vote');
    expect([...match.classOfCluster]).toEqual([0, 0, -1, 0]);
    expect(match).toMatchObject({ agreeing: 12, votes: 17, ties: 1 });
  });

  it('gives each class one cluster, and the others void or their favourite', () => {
    expect([...matchClusters(table, 'hungarian-one-to-one').classOfCluster]).toEqual([1, 0, -1, -1]);
    expect([...matchClusters(table, 'hungarian-many-to-one').classOfCluster]).toEqual([1, 0, -1, 0]);
  });

  it('matches groups apart', () => {
    const groups = [
      { clusters: [0, 1], classes: [1] },
      { clusters: [3], classes: [0] },
    ];
    expect([...matchClusterGroups(table, groups, 'hungarian-many-to-one').classOfCluster]).toEqual([1, -1, -1, 0]);
    expect(() =>
      matchClusterGroups(table, [groups[0]!, groups[0]!], 'majority-vote'),
    ).toThrowErrorMatchingInlineSnapshot(`[U2SegError: matchClusterGroups: cluster 0 is in two groups.]`);
  });

  it('never agrees with fewer votes by majority than one to one', () => {
    const any = fc.array(fc.array(fc.nat({ max: 5 }), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(any, (rows) => {
        const [majority, one, many] = (['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one'] as const).map(
          (protocol) => matchClusters(votes(4, ...rows), protocol).agreeing,
        ) as [number, number, number];
        expect(one).toBeLessThanOrEqual(many);
        expect(many).toBeLessThanOrEqual(majority);
      }),
    );
  });
});

describe('votes', () => {
  it('wants a score of at least and an IoU above the thresholds', () => {
    const voting = new InstanceVotes(2, 2, { minScore: 0.5, minIou: 0.5 });
    const gt = [{ classIndex: 1, bboxXywh: [0, 0, 2, 1] as const }];
    voting.update([{ clusterId: 0, score: 0.5, bboxXywh: [0, 0, 2, 1] }], gt);
    voting.update([{ clusterId: 0, score: 0.49, bboxXywh: [0, 0, 2, 1] }], gt);
    voting.update([{ clusterId: 1, score: 1, bboxXywh: [0, 0, 1, 1] }], gt);
    expect([...voting.counts]).toEqual([0, 1, 0, 0]);
    expect(() => voting.update([{ clusterId: 2, score: 1, bboxXywh: [0, 0, 1, 1] }], gt)).toThrow(
      'clusterId must be an integer in [0, 1], got 2.',
    );
  });

  it('counts ignored pixels as part of a predicted region', () => {
    const voting = new SemanticVotes(3, 3, { minIou: 0.5 });
    // cluster 2 covers four pixels, two of class 1 and two ignored: IoU exactly one half
    voting.update(Uint8Array.of(2, 2, 2, 2, 0), Uint8Array.of(1, 1, 255, 255, 0));
    expect([...voting.counts]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
    voting.update(Uint8Array.of(2, 2, 2, 0, 0), Uint8Array.of(1, 1, 255, 0, 0));
    expect([...voting.counts]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(() => voting.update(Uint8Array.of(9), Uint8Array.of(0))).toThrow('must be an integer in [0, 2], got 9.');
  });

  it('counts pixels inside both ranges only', () => {
    const voting = new PixelVotes(2, 2);
    voting.update(Uint8Array.of(0, 1, 5, 1), Uint8Array.of(1, 1, 0, 255));
    expect([...voting.counts]).toEqual([0, 1, 0, 1]);
  });
});

describe('remapping', () => {
  it('happens at once, where the reference goes cluster by cluster', () => {
    const classOfCluster = [0, 2, 3, -1];
    expect([...remapTable(classOfCluster, 9).subarray(0, 5)]).toEqual([0, 2, 3, 9, 9]);
    // 1 becomes 2, then 3, then void
    expect([...sequentialRemapTable(classOfCluster, 9).subarray(0, 4)]).toEqual([0, 9, 9, 9]);
  });
});

describe('UnsupervisedSemantics', () => {
  it('counts extra clusters, which the reference drops', () => {
    const run = (mode: 'corrected' | 'reference') => {
      const metrics = new UnsupervisedSemantics({ numClasses: 2, extraClusters: 1, mode });
      metrics.update([0, 0, 1, 2, 2, 2], [0, 0, 0, 1, 1, -1]);
      return metrics.compute();
    };
    const corrected = run('corrected');
    expect([...corrected.classOfCluster]).toEqual([0, -1, 1]);
    expect(corrected.accuracy).toBe(4 / 5);
    expect(corrected.miou).toBeCloseTo((2 / 3 + 1) / 2, 15);
    expect(run('reference').accuracy).toBe(2 / 3);
  });

  it('does not depend on how clusters are numbered, nor on order, sharding or the type of the maps', () => {
    const pixels = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.integer({ min: -1, max: 3 })), {
      minLength: 1,
      maxLength: 80,
    });
    const numbering = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
    fc.assert(
      fc.property(pixels, numbering, fc.nat({ max: 80 }), (list, renumber, cut) => {
        const score = (...parts: readonly (typeof list)[]): UnsupervisedSemantics => {
          const metrics = new UnsupervisedSemantics({ numClasses: 4, extraClusters: 1 });
          for (const part of parts) {
            const one = new UnsupervisedSemantics({ numClasses: 4, extraClusters: 1 });
            one.update(
              part.map(([k]) => k),
              part.map(([, c]) => c),
            );
            metrics.merge(one);
          }
          return metrics;
        };
        const whole = score(list);
        const bytes = new UnsupervisedSemantics({ numClasses: 4, extraClusters: 1 });
        // -1 becomes 255: no class either
        bytes.update(
          Uint8Array.from(list, ([k]) => k),
          Uint8Array.from(list, ([, c]) => c),
        );
        expect(bytes.counts).toEqual(whole.counts);
        expect(score(list.slice(0, cut), list.slice(cut)).compute()).toEqual(whole.compute());
        expect(score([...list].reverse()).compute()).toEqual(whole.compute());
        // the best assignment need not be unique, but what it agrees on is
        const renumbered = score(list.map(([k, c]) => [renumber[k]!, c])).compute();
        expect(renumbered.accuracy).toEqual(whole.compute().accuracy);
      }),
    );
  });
});

describe('class lists', () => {
  it('have the sizes and splits of their data sets', () => {
    const sizes = (list: { classes: readonly { isThing: boolean }[] }): [number, number] => [
      list.classes.filter((one) => one.isThing).length,
      list.classes.filter((one) => !one.isThing).length,
    ];
    expect(sizes(coco133)).toEqual([80, 53]);
    expect(sizes(u2seg95(300))).toEqual([80, 15]);
    expect(sizes(u2segSemantic16)).toEqual([1, 15]);
    expect(sizes(cocoStuff27)).toEqual([12, 15]);
    expect(sizes(cityscapes19)).toEqual([8, 11]);
    expect(sizes(cityscapes27)).toEqual([10, 17]);
    expect(sizes(voc20)).toEqual([20, 0]);
    expect(sizes(uvo81)).toEqual([81, 0]);
    for (const list of [coco133, u2seg95(800), cocoStuff27, cityscapes19, cityscapes27, voc20, uvo81]) {
      expect(new Set(list.classes.map((one) => one.id)).size).toBe(list.classes.length);
    }
  });

  it('lead from fine to coarse', () => {
    expect(cocoStuffFineToCoarse).toHaveLength(182);
    // person, bicycle, sky-other, water-other
    expect([0, 1, 156, 177].map((fine) => cocoStuff27.classes[cocoStuffFineToCoarse[fine]!]!.name)).toEqual([
      'person',
      'vehicle',
      'sky',
      'water',
    ]);
    expect(u2segPanopticIds(300).get(187)).toBe(314);
    expect(u2segPanopticIds(800).get(1)).toBe(1);
    expect(u2segPanopticIds(300).size).toBe(133);
  });
});

describe('DataHash', () => {
  it('does not depend on order or sharding, and does on every byte', () => {
    const hash = (...names: string[]): DataHash => {
      const one = new DataHash();
      for (const name of names) one.update(name, Uint32Array.of(1, 2));
      return one;
    };
    const sharded = hash('a');
    sharded.merge(hash('c', 'b'));
    expect(sharded.digest()).toBe(hash('a', 'b', 'c').digest());
    expect(sharded.images).toBe(3);
    expect(hash('a').digest()).not.toBe(hash('b').digest());
    expect(hash('a').digest()).toMatch(/^[0-9a-f]{64}$/u);
  });
});
