import { PanopticQuality, panopticScore, type PanopticCategory, type PanopticImage } from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const categories: readonly PanopticCategory[] = [
  { id: 1, name: 'person', isThing: true },
  { id: 2, name: 'car', isThing: true },
  { id: 9, name: 'sky', isThing: false },
];

const image = (ids: readonly number[], classes: Readonly<Record<number, number>>): PanopticImage => ({
  ids: Uint32Array.from(ids),
  segments: Object.entries(classes).map(([id, categoryId]) => ({ id: Number(id), categoryId })),
});

/** 24 pixels in up to five segments, each of a random class. */
const anyImage: fc.Arbitrary<PanopticImage> = fc
  .record({
    ids: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 24, maxLength: 24 }),
    classes: fc.array(fc.constantFrom(1, 2, 9), { minLength: 6, maxLength: 6 }),
  })
  .map(({ ids, classes }) => {
    const present = [...new Set(ids)].filter((id) => id > 0);
    return image(ids, Object.fromEntries(present.map((id) => [id, classes[id]!])));
  });

const score = (pairs: readonly (readonly [PanopticImage, PanopticImage])[]): PanopticQuality => {
  const quality = new PanopticQuality(categories);
  for (const [gt, prediction] of pairs) quality.update(gt, prediction);
  return quality;
};

describe('panopticScore', () => {
  it('matches the two-segment example worked by hand', () => {
    // one match at IoU 0.8, one false positive, no misses
    expect(panopticScore(0.8, 1, 1, 0)).toEqual({ sq: 0.8, rq: 1 / 1.5, pq: 0.8 / 1.5 });
    expect(panopticScore(0, 0, 0, 0)).toEqual({ sq: 0, rq: 0, pq: 0 });
  });
});

describe('PanopticQuality', () => {
  it('counts a match, a false positive and a miss', () => {
    // person 1: IoU 3 / 4; car predicted where there is void: ignored, more than half void; sky missed
    const gt = image([1, 1, 1, 1, 0, 0, 3, 3], { 1: 1, 3: 9 });
    const prediction = image([7, 7, 7, 0, 8, 8, 0, 0], { 7: 1, 8: 2 });
    const report = score([[gt, prediction]]).compute();
    expect(report.perClass.map(({ tp, fp, fn }) => [tp, fp, fn])).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [0, 0, 1],
    ]);
    expect(report.things).toEqual({ pq: 0.75, sq: 0.75, rq: 1, classes: 1 });
    expect(report.all).toEqual({ pq: 0.375, sq: 0.375, rq: 0.5, classes: 2 });
  });

  it('does not match at an IoU of exactly one half', () => {
    const report = score([[image([1, 1], { 1: 1 }), image([4, 0], { 4: 1 })]]).compute();
    expect(report.perClass[0]).toMatchObject({ tp: 0, fp: 1, fn: 1 });
  });

  it('counts every crowd region where panopticapi takes the last', () => {
    const gt: PanopticImage = {
      ids: Uint32Array.of(1, 1, 2, 2, 0, 0),
      segments: [
        { id: 1, categoryId: 1, isCrowd: true },
        { id: 2, categoryId: 1, isCrowd: true },
      ],
    };
    const prediction: PanopticImage = { ids: Uint32Array.of(5, 5, 5, 0, 0, 0), segments: [{ id: 5, categoryId: 1 }] };
    const reference = new PanopticQuality(categories, { mode: 'reference' });
    reference.update(gt, prediction);
    expect(reference.compute().perClass[0]).toMatchObject({ fp: 1 });
    expect(score([[gt, prediction]]).compute().perClass[0]).toMatchObject({ fp: 0 });
  });

  it('is NaN over no class', () => {
    expect(score([]).compute().all).toEqual({ pq: Number.NaN, sq: Number.NaN, rq: Number.NaN, classes: 0 });
  });

  it('gives 1 to the ground truth itself', () => {
    fc.assert(
      fc.property(anyImage, (one) => {
        fc.pre(one.segments.length > 0);
        expect(score([[one, one]]).compute().all).toMatchObject({ pq: 1, sq: 1, rq: 1 });
      }),
    );
  });

  it('does not depend on segment ids, on order, or on sharding', () => {
    const pairs = fc.array(fc.tuple(anyImage, anyImage), { minLength: 1, maxLength: 5 });
    const renumbered = (one: PanopticImage): PanopticImage => ({
      ids: one.ids.map((id) => (id === 0 ? 0 : 70000 - 3 * id)),
      segments: one.segments.map((segment) => ({ ...segment, id: 70000 - 3 * segment.id })).reverse(),
    });
    fc.assert(
      fc.property(pairs, fc.nat({ max: 5 }), (list, cut) => {
        const whole = score(list).compute();
        const numbers = (quality: PanopticQuality): number[] => {
          const { all, things, stuff } = quality.compute();
          return [all, things, stuff].flatMap(({ pq, sq, rq, classes }) => [pq, sq, rq, classes]);
        };
        const expected = [whole.all, whole.things, whole.stuff].flatMap(({ pq, sq, rq, classes }) => [
          pq,
          sq,
          rq,
          classes,
        ]);
        expect(numbers(score([...list].reverse()))).toBeAllClose(expected, { atol: 1e-12 });
        expect(numbers(score(list.map(([gt, dt]) => [renumbered(gt), renumbered(dt)])))).toBeAllClose(expected, {
          atol: 1e-12,
        });
        const shards = score(list.slice(0, cut));
        shards.merge(score(list.slice(cut)));
        expect(numbers(shards)).toBeAllClose(expected, { atol: 1e-12 });
        const home = new PanopticQuality(categories);
        home.addCounts(shards.counts, list.length);
        expect(home.compute()).toEqual(shards.compute());
      }),
    );
  });

  it('names image and segment of what is wrong', () => {
    const quality = new PanopticQuality(categories);
    const good = image([1, 1], { 1: 1 });
    expect(() => quality.update(good, image([1, 2], { 1: 1 }), 'image 7')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: PanopticQuality.update: image 7: prediction: segment 2 is in the map and not in the list of segments.]`,
    );
    expect(() => quality.update(good, image([1, 1], { 1: 1, 2: 1 }), 'image 7')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: PanopticQuality.update: image 7: prediction: segment 2 is in the list of segments and not in the map.]`,
    );
    expect(() => quality.update(image([1, 3], { 1: 1 }), good, 'image 7')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: PanopticQuality.update: image 7: ground truth: segment 3 is in the map and not in the list of segments.]`,
    );
    expect(() => quality.update(good, image([1, 1, 1], { 1: 1 }), 'image 7')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: PanopticQuality.update: image 7: prediction.ids must be [2] (2 values), got 3 values.]`,
    );
    expect(() => quality.update(good, image([1, 1], { 1: 44 }), 'image 7')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: PanopticQuality.update: image 7: prediction: segment 1: categoryId 44 is unknown.]`,
    );
  });
});
