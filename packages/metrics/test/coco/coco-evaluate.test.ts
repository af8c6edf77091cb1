import { encodeMask, permutation, seededRng } from '@u2seg/core';
import {
  breakDownErrors,
  calibrateScores,
  CocoAccumulator,
  cocoStatNames,
  detectionsFrom,
  evaluateClassAgnostic,
  evaluateCoco,
  groundTruthFrom,
  rankImages,
  type CocoGroundTruth,
  type DetectedInstance,
  type GroundTruthInstance,
} from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const categories = [
  { id: 1, name: 'cat' },
  { id: 2, name: 'dog' },
];
const imagesUpTo = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ id: i + 1, height: 200, width: 200, fileName: `${i + 1}.jpg` }));
const truth = (instances: readonly GroundTruthInstance[], n = 1): CocoGroundTruth =>
  groundTruthFrom(imagesUpTo(n), categories, instances);
const sameBits = (a: Float64Array, b: Float64Array): boolean => Buffer.from(a.buffer).equals(new Uint8Array(b.buffer));
const box = (x: number, y: number, size = 100) => [x, y, size, size] as const;

describe('evaluateCoco', () => {
  it('gives 1 to perfect boxes and 0 to none', () => {
    const gt = truth([{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0) }]);
    const perfect = evaluateCoco(
      gt,
      detectionsFrom(gt, [{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0), score: 1 }]),
    );
    // pycocotools adds 2^-52 to the denominator of precision
    expect(perfect.stats.ap).toBeCloseTo(1, 14);
    expect(perfect.stats.arThird).toBe(1);
    expect(perfect.stats.apSmall).toBeNaN();
    expect(perfect.perCategory[1]!.ap).toBeNaN();
    const none = evaluateCoco(gt, detectionsFrom(gt, []));
    expect([none.stats.ap, none.stats.arThird]).toEqual([0, 0]);
  });

  it('is NaN without ground truth', () => {
    const gt = truth([]);
    expect(evaluateCoco(gt, detectionsFrom(gt, [])).stats.ap).toBeNaN();
  });

  it('breaks ties between equal scores by order', () => {
    const gt = truth([{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0) }]);
    const right: DetectedInstance = { imageId: 1, categoryId: 1, bboxXywh: box(0, 0), score: 0.5 };
    const wrong: DetectedInstance = { ...right, bboxXywh: box(100, 100) };
    expect(evaluateCoco(gt, detectionsFrom(gt, [right, wrong])).stats.ap).toBeCloseTo(1, 14);
    expect(evaluateCoco(gt, detectionsFrom(gt, [wrong, right])).stats.ap).toBeCloseTo(0.5, 14);
  });

  it('never asks for a crowd, and forgives what lies on it', () => {
    const gt = truth([
      { imageId: 1, categoryId: 1, bboxXywh: box(0, 0) },
      { imageId: 1, categoryId: 1, bboxXywh: box(100, 0), crowd: true },
    ]);
    const dt = detectionsFrom(gt, [
      { imageId: 1, categoryId: 1, bboxXywh: box(110, 10, 50), score: 0.9 },
      { imageId: 1, categoryId: 1, bboxXywh: box(130, 10, 50), score: 0.8 },
      { imageId: 1, categoryId: 1, bboxXywh: box(0, 0), score: 0.7 },
    ]);
    expect(evaluateCoco(gt, dt).stats.ap).toBeCloseTo(1, 14);
  });

  it('wants masks for masks', () => {
    const gt = truth([{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0) }]);
    const dt = detectionsFrom(gt, [{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0), score: 1 }]);
    expect(() => evaluateCoco(gt, dt, { iouType: 'segm' })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: evaluateCoco: iouType segm wants detections with masks, got boxes only.]`,
    );
  });

  it('refuses instances that cannot be scored: boxes, scores, run lengths, sizes, ids', () => {
    const mask = encodeMask({ data: new Uint8Array(200 * 200).fill(1), height: 200, width: 200 });
    const good = { imageId: 1, categoryId: 1, bboxXywh: box(0, 0), mask, score: 1 };
    const gt = truth([good]);
    const both = (change: object): string[] =>
      [() => truth([{ ...good, ...change }]), () => detectionsFrom(gt, [{ ...good, ...change }])].map((work) => {
        try {
          work();
        } catch (error) {
          return (error as Error).message;
        }
        return 'no complaint';
      });
    for (const message of both({ bboxXywh: [0, 0, Number.NaN, 1] })) expect(message).toMatch(/instance 0: bboxXywh/u);
    for (const message of both({ bboxXywh: [0, 0, -1, 1] })) expect(message).toMatch(/instance 0: bboxXywh/u);
    for (const message of both({ mask: { ...mask, counts: Uint32Array.of(7) } })) {
      expect(message).toMatch(/instance 0: mask.counts must add up/u);
    }
    for (const message of both({ mask: { height: 100, width: 400, counts: Uint32Array.of(40_000) } })) {
      expect(message).toMatch(/instance 0: mask must be 200 x 200, the size of image 1/u);
    }
    for (const message of both({ imageId: 9 })) expect(message).toMatch(/instance 0: imageId 9 is not/u);
    for (const message of both({ categoryId: 9 })) expect(message).toMatch(/instance 0: categoryId 9 is not/u);
    expect(both({ score: Number.NaN })[1]).toMatch(/instance 0: score must be a number, got NaN/u);
  });

  it('does not see categories where it is class-agnostic', () => {
    const gt = truth([{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0) }]);
    const dt = detectionsFrom(gt, [{ imageId: 1, categoryId: 2, bboxXywh: box(0, 0), score: 1 }]);
    expect(evaluateCoco(gt, dt).stats.ap).toBe(0);
    expect(evaluateClassAgnostic(gt, dt)).toMatchObject({ protocol: 'coco-ap-class-agnostic' });
    expect(evaluateClassAgnostic(gt, dt).stats.ap).toBeCloseTo(1, 14);
  });

  const scene = fc.integer({ min: 1, max: 4 }).chain((n) => {
    const place = fc.record({
      imageId: fc.integer({ min: 1, max: n }),
      categoryId: fc.integer({ min: 1, max: 2 }),
      bboxXywh: fc
        .tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 }), fc.integer({ min: 1, max: 3 }))
        .map(([x, y, size]) => [20 * x, 20 * y, 30 * size, 40 * size] as const),
    });
    return fc.record({
      n: fc.constant(n),
      gt: fc.array(fc.tuple(place, fc.boolean()), { maxLength: 12 }),
      // few scores, so that ties are common
      dt: fc.array(fc.tuple(place, fc.constantFrom(0.2, 0.5, 0.9)), { maxLength: 20 }),
    });
  });

  it('computes the same whole, streamed image by image, and merged from shards', () => {
    fc.assert(
      fc.property(scene, fc.boolean(), ({ n, gt: gts, dt: dts }, useCategories) => {
        const parameters = { useCategories, maxDetections: [1, 2, 5] };
        const part = (ids: readonly number[]) => {
          const gt = groundTruthFrom(
            imagesUpTo(n).filter((image) => ids.includes(image.id)),
            categories,
            gts.flatMap(([one, crowd]) => (ids.includes(one.imageId) ? [{ ...one, crowd }] : [])),
          );
          const dt = detectionsFrom(
            gt,
            dts.flatMap(([one, score]) => (ids.includes(one.imageId) ? [{ ...one, score }] : [])),
          );
          return [gt, dt] as const;
        };
        const all = Array.from({ length: n }, (_, i) => i + 1);
        const whole = evaluateCoco(...part(all), parameters);
        const streamed = new CocoAccumulator(parameters);
        for (const id of [...all].reverse()) streamed.update(...part([id]));
        const sharded = new CocoAccumulator(parameters);
        const other = new CocoAccumulator(parameters);
        sharded.update(...part(all.filter((id) => id % 2 === 0)));
        other.update(...part(all.filter((id) => id % 2 === 1)));
        // as a worker would post them
        const posted = new CocoAccumulator(parameters);
        for (const half of [sharded, other]) {
          posted.addMatches(structuredClone(half.matches), categories, half.compute().images);
        }
        sharded.merge(other);
        for (const accumulator of [streamed, sharded, posted]) {
          const report = accumulator.compute();
          for (const curve of ['precision', 'scores', 'recall'] as const) {
            expect(sameBits(report.curves[curve], whole.curves[curve])).toBe(true);
          }
          expect(report.stats).toEqual(whole.stats);
          expect([report.images, report.perCategory]).toEqual([n, whole.perCategory]);
        }
      }),
    );
  });

  it('does not depend on the order of records, nor on how images, categories and annotations are numbered', () => {
    // real coordinates and distinct scores: where nothing ties, order has nothing to decide
    const real = fc.double({ min: 0, max: 100, noNaN: true });
    const side = fc.double({ min: 5, max: 95, noNaN: true });
    const place = fc.record({
      imageId: fc.integer({ min: 1, max: 3 }),
      categoryId: fc.integer({ min: 1, max: 2 }),
      bboxXywh: fc.tuple(real, real, side, side),
    });
    const pairs = fc.record({
      gt: fc.uniqueArray(fc.tuple(place, fc.boolean()), { maxLength: 10, selector: ([one]) => one.bboxXywh.join() }),
      dt: fc.uniqueArray(place, { maxLength: 15, selector: (one) => one.bboxXywh.join() }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(pairs, ({ gt: gts, dt: dts, seed }) => {
        // near copies, so that something matches
        const near = gts.map(([one], i) => {
          const [x, y, w, h] = one.bboxXywh;
          return { ...one, bboxXywh: [x + 0.03 * w * (i + 1), y, w, h] as const };
        });
        const found = [...dts, ...near].map((one, i) => ({ ...one, score: 1 / (i + 2) }));
        const run = (turn: <T>(list: readonly T[]) => T[], renumber: (id: number) => number) => {
          const gt = groundTruthFrom(
            turn(imagesUpTo(3).map((image) => ({ ...image, id: renumber(image.id) }))),
            turn(categories.map((category) => ({ ...category, id: renumber(category.id) }))),
            turn(
              gts.map(([one, crowd], i) => ({
                ...one,
                id: renumber(i),
                imageId: renumber(one.imageId),
                categoryId: renumber(one.categoryId),
                crowd,
              })),
            ),
          );
          const moved = found.map((one) => ({
            ...one,
            imageId: renumber(one.imageId),
            categoryId: renumber(one.categoryId),
          }));
          return evaluateCoco(gt, detectionsFrom(gt, turn(moved)), { maxDetections: [1, 3, 10] }).stats;
        };
        const as = run(
          (list) => [...list],
          (id) => id,
        );
        const otherwise = run(
          (list) => Array.from(permutation(list.length, seededRng(seed)), (i) => list[i]!),
          (id) => 1000 - 7 * id,
        );
        for (const name of cocoStatNames) {
          if (Number.isNaN(as[name])) expect(otherwise[name]).toBeNaN();
          else expect(otherwise[name]).toBeCloseTo(as[name], 12);
        }
      }),
    );
  });

  it('refuses matches made otherwise', () => {
    const gt = truth([{ imageId: 1, categoryId: 1, bboxXywh: box(0, 0) }]);
    const one = new CocoAccumulator();
    one.update(gt, detectionsFrom(gt, []));
    const pooled = new CocoAccumulator({ useCategories: false });
    expect(() => pooled.addMatches(one.matches, categories, 1)).toThrow(/made with the same parameters/u);
    expect(() => one.addMatches(one.matches, [], 1)).toThrow(/same categories/u);
  });

  it('gives each category its twelve numbers, of which the headline is the mean', () => {
    fc.assert(
      fc.property(scene, ({ n, gt: gts, dt: dts }) => {
        const gt = truth(
          gts.map(([one, crowd]) => ({ ...one, crowd })),
          n,
        );
        const { stats, perCategory } = evaluateCoco(
          gt,
          detectionsFrom(
            gt,
            dts.map(([one, score]) => ({ ...one, score })),
          ),
        );
        for (const name of cocoStatNames) {
          const defined = perCategory.map((category) => category[name]).filter((value) => !Number.isNaN(value));
          const mean = defined.reduce((sum, value) => sum + value, 0) / defined.length;
          if (defined.length === 0) expect(stats[name]).toBeNaN();
          else expect(stats[name]).toBeCloseTo(mean, 12);
        }
      }),
    );
  });

  it('scores masks of whole boxes as it scores the boxes', () => {
    fc.assert(
      fc.property(scene, ({ n, gt: gts, dt: dts }) => {
        const mask = ([x, y, w, h]: readonly [number, number, number, number]) => {
          const data = new Uint8Array(200 * 200);
          for (let row = y; row < y + h; row += 1) data.fill(1, row * 200 + x, row * 200 + x + w);
          return encodeMask({ data, height: 200, width: 200 });
        };
        const gt = truth(
          gts.map(([one, crowd]) => ({ ...one, crowd, mask: mask(one.bboxXywh) })),
          n,
        );
        const dt = detectionsFrom(
          gt,
          dts.map(([one, score]) => ({ ...one, score, mask: mask(one.bboxXywh) })),
        );
        fc.pre(dts.length > 0);
        expect(evaluateCoco(gt, dt, { iouType: 'segm' }).stats).toEqual(evaluateCoco(gt, dt).stats);
      }),
      { numRuns: 40 },
    );
  });
});

describe('breakDownErrors, calibrateScores, rankImages', () => {
  const gt = truth(
    [
      { imageId: 1, categoryId: 1, bboxXywh: box(0, 0) },
      { imageId: 1, categoryId: 2, bboxXywh: box(100, 0) },
      { imageId: 2, categoryId: 1, bboxXywh: box(0, 0) },
      { imageId: 2, categoryId: 2, bboxXywh: box(100, 100) },
      { imageId: 3, categoryId: 1, bboxXywh: box(0, 0) },
    ],
    3,
  );
  const dt = detectionsFrom(gt, [
    { imageId: 1, categoryId: 1, bboxXywh: box(0, 0), score: 0.9 }, // right
    { imageId: 1, categoryId: 1, bboxXywh: box(2, 0), score: 0.8 }, // duplicate
    { imageId: 1, categoryId: 1, bboxXywh: box(100, 0), score: 0.7 }, // a dog called a cat
    { imageId: 2, categoryId: 1, bboxXywh: box(60, 0), score: 0.6 }, // IoU 0.25 with the cat
    { imageId: 2, categoryId: 1, bboxXywh: box(140, 140), score: 0.55 }, // IoU 0.22 with the dog, called a cat
    { imageId: 3, categoryId: 2, bboxXywh: box(100, 100), score: 0.3 }, // nothing there
  ]);

  it('gives every wrong detection one kind of error', () => {
    const { ofDetection, missedGt, errors, ap } = breakDownErrors(gt, dt);
    expect(ofDetection.map((error) => error?.kind)).toEqual([
      undefined,
      'duplicate',
      'classification',
      'localization',
      'both',
      'background',
    ]);
    // the dog and the cat of images 1 and 2 would be found by a repair; the dog of 2 and the cat of 3 would not
    expect(missedGt).toEqual([3, 4]);
    expect(Object.fromEntries(Object.entries(errors).map(([kind, { count }]) => [kind, count]))).toEqual({
      classification: 1,
      localization: 1,
      both: 1,
      duplicate: 1,
      background: 1,
      missed: 2,
    });
    for (const { deltaAp } of Object.values(errors)) expect(deltaAp).toBeGreaterThanOrEqual(0);
    expect(ap).toBeCloseTo(evaluateCoco(gt, dt).stats.ap50, 12);
  });

  it('compares scores with what they promise', () => {
    const { bins, expectedError, detections } = calibrateScores(gt, dt, { numBins: 2 });
    expect(detections).toBe(6);
    expect(bins.map(({ count }) => count)).toEqual([1, 5]);
    expect(bins[1]!.precision).toBe(0.2);
    expect(bins[1]!.meanScore).toBeCloseTo(0.71, 12);
    expect(expectedError).toBeCloseTo((1 / 6) * 0.3 + (5 / 6) * 0.51, 12);
    expect(calibrateScores(gt, detectionsFrom(gt, [])).expectedError).toBeNaN();
  });

  it('puts the worst images first', () => {
    expect(rankImages(gt, dt).map(({ imageId, tp, fp, fn }) => [imageId, tp, fp, fn])).toEqual([
      [2, 0, 2, 2],
      [3, 0, 0, 1],
      [1, 1, 2, 1],
    ]);
  });
});
