import { describe, expect, it } from 'vitest';
import { sanityWarnings } from '../src/index.ts';

const falling = Array.from({ length: 40 }, (_, i) => 40 - i);

describe('sanityWarnings', () => {
  it('is silent about a healthy run and about what it was not told', () => {
    expect(sanityWarnings({ photos: 3 })).toEqual([]);
    expect(
      sanityWarnings({
        photos: 10,
        photosWithoutProposals: 1,
        emptyMasks: 0,
        maskAreaShares: [0.1, 0.5, 0.2],
        clusters: [5, 3, 4, 2],
        stuffClusters: [50, 40, 30],
        usedClasses: 5,
        totalClasses: 10,
        predictionsPerPhoto: [3, 0, 1, 5, 2],
        losses: [{ name: 'total', values: falling }],
      }),
    ).toEqual([]);
  });

  it('names every finding with its figures', () => {
    expect(
      sanityWarnings({
        photos: 10,
        photosWithoutProposals: 4,
        emptyMasks: 1,
        maskAreaShares: [0.99, 0.95, 0.2, 0.1],
        clusters: [1, 98, 1, 0, 0],
        stuffClusters: [0, 0],
        usedClasses: 3,
        totalClasses: 27,
        predictionsPerPhoto: [0, 0, 1],
        losses: [{ name: 'total', values: falling.toReversed() }],
      }),
    ).toEqual([
      '4 of 10 photos (40 %) have no proposals; expected at most 10 %.',
      '1 mask is empty: not one pixel is set.',
      '2 of 4 masks (50 %) cover at least 95 % of their photo; expected at most 5 % of the masks.',
      'Collapsed clusters: thing cluster 1 holds 98 % of all 100 members; expected at most 50 %.',
      '2 of 5 thing clusters (40 %) have no members; expected at most 20 %.',
      'All 2 stuff clusters are empty.',
      '24 of 27 classes (89 %) are never predicted; expected at most 50 %.',
      '2 of 3 photos (67 %) have no predictions; expected at most 20 %.',
      'The loss total did not fall: 2.5 at the start, 38.5 at the end.',
    ]);
  });

  it('speaks of photos and predictions that are not there at all', () => {
    expect(sanityWarnings({ photos: 0 })).toEqual(['No photo was processed.']);
    expect(sanityWarnings({ photos: 2, predictionsPerPhoto: [0, 0] })).toEqual([
      'There are no predictions at all: not one segment in any photo.',
    ]);
    expect(sanityWarnings({ photos: 1, predictionsPerPhoto: [] })).toEqual([]);
  });

  it('takes a limit itself for still fine', () => {
    expect(sanityWarnings({ photos: 10, photosWithoutProposals: 1 })).toEqual([]);
    expect(sanityWarnings({ photos: 1, clusters: [1, 1] })).toEqual([]);
    expect(sanityWarnings({ photos: 1, usedClasses: 1, totalClasses: 2 })).toEqual([]);
  });

  it('does not call a single cluster collapsed', () => {
    expect(sanityWarnings({ photos: 1, clusters: [12] })).toEqual([]);
  });

  it('reports the first value of a loss that is not finite and does not judge short ones', () => {
    expect(sanityWarnings({ photos: 1, losses: [{ name: 'mask', values: [1, Number.NaN, Infinity] }] })).toEqual([
      'The loss mask is not finite at 2 of 3 values, first at value 2 (NaN).',
    ]);
    expect(sanityWarnings({ photos: 1, losses: [{ name: 'mask', values: [1, 2, 3] }] })).toEqual([]);
    expect(sanityWarnings({ photos: 1, losses: [{ name: 'mask', values: [] }] })).toEqual([]);
    expect(
      sanityWarnings({ photos: 1, losses: [{ name: 'mask', values: Float32Array.from(Array(20), () => 1) }] }),
    ).toEqual(['The loss mask did not fall: 1 at the start, 1 at the end.']);
  });

  it('judges negative losses, too', () => {
    const values = Array.from({ length: 20 }, (_, i) => -1 - i);
    expect(sanityWarnings({ photos: 1, losses: [{ name: 'stego', values }] })).toEqual([]);
  });

  it('follows other limits', () => {
    const input = { photos: 100, photosWithoutProposals: 1 };
    expect(sanityWarnings(input, { maxWithoutProposalsRatio: 0.001 })).toEqual([
      '1 of 100 photos (1 %) have no proposals; expected at most 0.1 %.',
    ]);
  });

  it('refuses figures that cannot be', () => {
    expect(() => sanityWarnings({ photos: 2, photosWithoutProposals: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: sanityWarnings: photosWithoutProposals must be an integer in [0, 2], got 3.]`,
    );
    expect(() => sanityWarnings({ photos: 2, maskAreaShares: [Number.NaN] })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: sanityWarnings: maskAreaShares[0] must be in [0, 1], got NaN.]`,
    );
    expect(() => sanityWarnings({ photos: 2, clusters: [1, -1] })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: sanityWarnings: clusters[1] must be an integer in [0, 9007199254740991], got -1.]`,
    );
    expect(() => sanityWarnings({ photos: 2, usedClasses: 3, totalClasses: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: sanityWarnings: usedClasses must be an integer in [0, 2], got 3.]`,
    );
    expect(() => sanityWarnings({ photos: 2 }, { fullMaskRatio: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: sanityWarnings: fullMaskRatio must be in [0, 1], got 2.]`,
    );
  });
});
