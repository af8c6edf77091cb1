import { describe, expect, it } from 'vitest';
import {
  assertHopefulProposals,
  assertSoundClusters,
  assertSoundMerge,
  assertSoundProposals,
  assertSoundSemantics,
  clusterWarnings,
  curveWarnings,
  labelWarnings,
  matchingWarnings,
  photoWarnings,
  predictionWarnings,
  proposalWarnings,
  semanticWarnings,
} from '../../src/run/health.ts';

const good = { photos: 100, photosWithoutProposals: 5, skipped: 0, proposals: 200, wholePhoto: 3 };
const by = 'embedded and maskcut';

describe('a run is stopped', () => {
  it('when its proposals are worthless', () => {
    expect(() => assertSoundProposals(good, by)).not.toThrow();
    expect(() => assertSoundProposals({ ...good, photosWithoutProposals: 91 }, by)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: propose: 91 of 100 photos have no proposal with embedded and maskcut: the labels would be worthless. Check the weights, or lower proposals.tau. proposals.acceptBroken=true goes on all the same.]`,
    );
    expect(() => assertSoundProposals({ ...good, photos: 5, skipped: 95 }, by)).toThrow(
      /95 of 100 photos could not be/u,
    );
    expect(() => assertSoundProposals({ ...good, wholePhoto: 190 }, by)).toThrow(/190 of 200 proposals cover/u);
    expect(() => assertSoundProposals({ ...good, photos: 10, photosWithoutProposals: 10 }, by)).not.toThrow();
  });

  it('early when not one photo is good', () => {
    const none = { photos: 64, photosWithoutProposals: 64, skipped: 0, proposals: 0, wholePhoto: 0 };
    expect(() => assertHopefulProposals(none, by)).toThrow(/64 of 64 photos have no proposal/u);
    expect(() => assertHopefulProposals({ ...none, photos: 63, photosWithoutProposals: 63 }, by)).not.toThrow();
    expect(() => assertHopefulProposals({ ...none, photosWithoutProposals: 63, proposals: 1 }, by)).not.toThrow();
    expect(() => assertHopefulProposals({ ...none, photos: 0, photosWithoutProposals: 0, skipped: 64 }, by)).toThrow(
      /64 of 64/u,
    );
    const whole = { ...none, photosWithoutProposals: 0, proposals: 70, wholePhoto: 70 };
    expect(() => assertHopefulProposals(whole, by)).toThrow(/70 of 70 proposals cover their whole photo/u);
  });

  it('when clusters, semantics or labels collapsed', () => {
    expect(() => assertSoundClusters([0, 40, 0])).toThrow(/all 40 instances are in one of 3 clusters/u);
    expect(() => assertSoundClusters([1, 40, 0])).not.toThrow();
    expect(() => assertSoundClusters([40])).not.toThrow();
    expect(() => assertSoundSemantics([0, 1000, 2], 30)).toThrow(/one of 3 clusters covers 99.8 % of all pixels/u);
    expect(() => assertSoundSemantics([50, 1000, 2], 30)).not.toThrow();
    expect(() => assertSoundSemantics([0, 0], 30)).not.toThrow();
    expect(() => assertSoundMerge({ photos: 100, emptyPhotos: 91 })).toThrow(/91 of 100 photos have an empty label/u);
    expect(() => assertSoundMerge({ photos: 100, emptyPhotos: 90 })).not.toThrow();
  });
});

describe('a sentence is said', () => {
  const curve = (...totals: readonly number[]): { readonly total: number }[] => totals.map((total) => ({ total }));
  const falling = Array.from({ length: 20 }, (_, i) => 20 - i);

  it.each<[name: string, at: readonly string[], beyond: readonly string[], said: RegExp]>([
    [
      'photos left out',
      photoWarnings({ photos: [1], skipped: [] }),
      photoWarnings({ photos: [1], skipped: [1] }),
      /1 of 2 \(50 %\) photos were left out/u,
    ],
    [
      'no proposal',
      proposalWarnings({ ...good, photosWithoutProposals: 10 }),
      proposalWarnings({ ...good, photosWithoutProposals: 11 }),
      /11 of 100 \(11 %\) photos have no proposal/u,
    ],
    [
      'not labelled',
      proposalWarnings(good),
      proposalWarnings({ ...good, skipped: 2 }),
      /2 photos could not be labelled/u,
    ],
    ['one cluster', clusterWarnings([5, 5], 10), clusterWarnings([6, 4], 10), /6 of 10 \(60 %\) instances/u],
    [
      'empty semantics',
      semanticWarnings([2, 2, 2, 0], 4),
      semanticWarnings([2, 2, 0, 0], 4),
      /2 of 4 \(50 %\) semantic clusters are empty/u,
    ],
    ['one semantic cluster', semanticWarnings([6, 4], 2), semanticWarnings([7, 3], 2), /covers 70 % of all pixels/u],
    [
      'empty labels',
      labelWarnings({ photos: 4, emptyPhotos: 0 }),
      labelWarnings({ photos: 4, emptyPhotos: 1 }),
      /1 of 4 \(25 %\) photos have an empty/u,
    ],
    [
      'a loss that stays',
      curveWarnings('train', curve(...falling)),
      curveWarnings('train', curve(...falling.map(() => 1))),
      /loss of train did not fall/u,
    ],
    [
      'nothing found',
      predictionWarnings({ photos: 4, photosWithoutInstances: 2 }),
      predictionWarnings({ photos: 4, photosWithoutInstances: 3 }),
      /nothing on 3 of 4/u,
    ],
    ['unmatched classes', matchingWarnings(0, 3), matchingWarnings(1, 3), /1 of 3 \(33 %\) classes have no cluster/u],
  ])('beyond its limit, not at it: %s', (_name, at, beyond, said) => {
    expect(at).toEqual([]);
    expect(beyond).toEqual([expect.stringMatching(said)]);
  });

  it('of curves that are long enough, and of one cluster only where there are several', () => {
    expect(curveWarnings('train', curve(...falling.slice(1).map(() => 1)))).toEqual([]);
    expect(clusterWarnings([10], 10)).toEqual([]);
    expect(semanticWarnings([10], 1)).toEqual([]);
  });

  it('of a loss that is no number', () => {
    expect(curveWarnings('train', curve(...falling.map((_, i) => (i === 19 ? Number.NaN : 1))))).toHaveLength(1);
  });
});
