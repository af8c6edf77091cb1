import { encodeMask, rleArea, rleBbox, type MaskProposal, type Segment } from '@u2seg/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joinRegions } from '../../src/predict/join-regions.ts';

function region(values: readonly number[], score: number): MaskProposal {
  const mask = encodeMask({ data: Uint8Array.from(values), height: 1, width: values.length });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score };
}
const segment = (values: readonly number[], clusterId: number, score: number): Segment => ({
  ...region(values, score),
  clusterId,
});

it('gives the example worked by hand', () => {
  const surer = segment([1, 1, 1, 1, 0, 0, 0, 0], 3, 0.8);
  const apart = segment([0, 0, 0, 0, 0, 0, 1, 1], 5, 0.6);
  const same = region([1, 1, 1, 0, 0, 0, 0, 0], 0.5);
  const touched = region([0, 0, 0, 1, 1, 1, 0, 0], 0.9);
  const alone = region([0, 0, 0, 0, 0, 1, 0, 0], 1);
  const options = { sameIou: 0.5, detectionWeight: 1 };
  // `same` overlaps `surer` by 3/4, takes its cluster and its place; `touched` overlaps it by 1/6; `alone` overlaps nothing.
  const [b, a, c, ...more] = joinRegions([surer, apart], [same, touched, alone], options) as [
    Segment,
    Segment,
    Segment,
  ];
  expect(more).toEqual([]);
  expect([a.mask, a.clusterId, a.score]).toEqual([apart.mask, 5, 0.6]);
  expect([b.mask, b.clusterId, b.score]).toEqual([touched.mask, 3, 0.9]);
  expect([c.mask, c.clusterId, c.score]).toEqual([same.mask, 3, 0.5]);
  expect(joinRegions([surer, apart], [same], { sameIou: 0.5, detectionWeight: 0.5 })[1]!.score).toBe(0.3);
});

it('keeps places for what only the network sees', () => {
  const regions = [0.9, 0.8, 0.7, 0.6].map((score, i) => region([1, 1, 1, 1, 0, 0, 0, 0].with(i, 0), score));
  const seen = segment([1, 1, 1, 1, 1, 1, 1, 1], 0, 0.4);
  const fainter = segment([0, 0, 0, 0, 0, 0, 1, 1], 1, 0.2);
  const join = (ownPlaces: number): Segment[] => joinRegions([seen, fainter], regions, { places: 4, ownPlaces });
  expect(join(0).map(({ score }) => score)).toEqual([0.9, 0.8, 0.7, 0.6, 0.2, 0.1]);
  const [, , third, fourth, fifth, sixth] = join(1);
  expect([third!.score, fourth!.mask, fourth!.score]).toEqual([0.7, seen.mask, 0.7]);
  expect([fifth!.score, sixth!.mask, sixth!.score]).toEqual([0.6, fainter.mask, 0.1]);
  expect(
    join(2)
      .slice(2, 4)
      .map(({ mask }) => mask),
  ).toEqual([seen.mask, fainter.mask]);
});

it('only weighs detections without regions, and gives nothing without detections', () => {
  const one = segment([1, 1, 0], 0, 0.4);
  expect(joinRegions([one], [], { detectionWeight: 0.5 })).toEqual([{ ...one, score: 0.2 }]);
  expect(joinRegions([], [region([1, 0, 0], 1)])).toEqual([]);
});

it('gives scores in [0, 1], falling, and clusters of the detections only', () => {
  const mask = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 6, maxLength: 6 }).filter((m) => m.includes(1));
  const score = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(mask, fc.nat({ max: 4 }), score), { maxLength: 5 }),
      fc.array(fc.tuple(mask, score), { maxLength: 5 }),
      (d, r) => {
        const detections = d.map(([m, c, s]) => segment(m, c, s));
        const found = joinRegions(
          detections,
          r.map(([m, s]) => region(m, s)),
        );
        found.forEach((one, i) => {
          expect(one.score >= 0 && one.score <= 1).toBe(true);
          if (i > 0) expect(one.score).toBeLessThanOrEqual(found[i - 1]!.score);
          expect(detections.some(({ clusterId }) => clusterId === one.clusterId)).toBe(true);
        });
      },
    ),
  );
});
