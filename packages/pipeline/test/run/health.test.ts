import { describe, expect, it } from 'vitest';
import {
  assertHopefulProposals,
  assertSoundClusters,
  assertSoundMerge,
  assertSoundProposals,
  assertSoundSemantics,
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
