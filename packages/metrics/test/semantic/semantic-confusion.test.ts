import { SemanticConfusion, type SemanticReport } from '@u2seg/metrics';
import { labelBoundary } from '@u2seg/metrics/internal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const names = ['sky', 'road', 'tree'];
const labels = (values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe('SemanticConfusion', () => {
  it('scores an example worked by hand', () => {
    const confusion = new SemanticConfusion(names);
    // sky: 1 of 2 right; road: 2 of 2 right and 1 taken from sky; an ignored pixel; tree does not occur
    confusion.update(labels([0, 1, 1, 1, 2, 2]), labels([0, 0, 1, 1, 255, 255]), 2, 3);
    const report = confusion.compute();
    expect(report.perClass.map((one) => one.iou)).toEqual([1 / 2, 2 / 3, Number.NaN]);
    expect(report.miou).toBeCloseTo((1 / 2 + 2 / 3) / 2, 15);
    expect(report.pixelAccuracy).toBe(3 / 4);
    expect(report.meanAccuracy).toBe(3 / 4);
    expect(report.frequencyWeightedIou).toBeCloseTo(0.5 * (1 / 2) + 0.5 * (2 / 3), 15);
  });

  it('counts a void prediction as a miss, or leaves it out as the reference does', () => {
    const score = (voidPredictions: 'missed' | 'left-out'): SemanticReport => {
      const confusion = new SemanticConfusion(names, { voidPredictions });
      confusion.update(labels([0, 3]), labels([0, 0]), 1, 2);
      return confusion.compute();
    };
    expect(score('missed').pixelAccuracy).toBe(0.5);
    expect(score('left-out').pixelAccuracy).toBe(1);
  });

  it('is NaN when nothing is scored', () => {
    const confusion = new SemanticConfusion(names);
    confusion.update(labels([0, 1]), labels([255, 255]), 1, 2);
    expect(confusion.compute()).toMatchObject({
      miou: Number.NaN,
      pixelAccuracy: Number.NaN,
      frequencyWeightedIou: Number.NaN,
    });
  });

  it('names the label that is no class', () => {
    const confusion = new SemanticConfusion(names);
    expect(() => confusion.update(labels([0, 9]), labels([0, 0]), 1, 2, '7.png')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: SemanticConfusion.update: 7.png: prediction: label must be in [0, 3) or the void label, got 9.]`,
    );
    expect(() => confusion.update(labels([0, 0]), labels([0, 3]), 1, 2, '7.png')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: SemanticConfusion.update: 7.png: gt: label must be in [0, 3) or the ignore label, got 3.]`,
    );
    expect(() => confusion.update(labels([0]), labels([0, 0]), 1, 2, '7.png')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: SemanticConfusion.update: 7.png: prediction must be [1, 2] (2 values), got 1 values.]`,
    );
  });

  it('counts as a loop over pixels does, in any order and sharding', () => {
    const map = fc.array(fc.constantFrom(0, 1, 2), { minLength: 35, maxLength: 35 });
    fc.assert(
      fc.property(fc.array(fc.tuple(map, map), { minLength: 1, maxLength: 4 }), fc.nat({ max: 4 }), (pairs, cut) => {
        const run = (list: typeof pairs): SemanticConfusion => {
          const confusion = new SemanticConfusion(names, { boundary: true });
          for (const [prediction, gt] of list) confusion.update(labels(prediction), labels(gt), 5, 7);
          return confusion;
        };
        const expected = new Float64Array(16);
        for (const [prediction, gt] of pairs) gt.forEach((g, i) => (expected[prediction[i]! * 4 + g]! += 1));
        expect([...run(pairs).matrix]).toEqual([...expected]);
        const sharded = run(pairs.slice(cut));
        sharded.merge(run(pairs.slice(0, cut)));
        expect(sharded.compute()).toEqual(run([...pairs].reverse()).compute());
        const home = new SemanticConfusion(names, { boundary: true });
        home.addCounts(sharded.matrix, sharded.boundaryMatrix, pairs.length);
        expect(home.compute()).toEqual(sharded.compute());
      }),
    );
  });
});

describe('labelBoundary', () => {
  it('takes each label minus the smallest within reach, and zero beyond the image', () => {
    const size = 9;
    const map = new Uint8Array(size * size).fill(5);
    const boundary = labelBoundary(map, size, size);
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const edge = x === 0 || y === 0 || x === size - 1 || y === size - 1;
        expect(boundary[y * size + x]).toBe(edge ? 5 : 0);
      }
    }
  });

  it('agrees with looking at every window', () => {
    const pixels = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 11 * 8, maxLength: 11 * 8 });
    fc.assert(
      fc.property(pixels, fc.constantFrom(0.02, 0.15, 0.3, 2), (values, ratio) => {
        const [height, width] = [11, 8];
        const radius = Math.max(1, Math.round(ratio * Math.hypot(height, width)));
        const expected = values.map((value, i) => {
          const [y, x] = [Math.floor(i / width), i % width];
          let least = value;
          for (let v = y - radius; v <= y + radius; v += 1) {
            for (let u = x - radius; u <= x + radius; u += 1) {
              const inside = v >= 0 && v < height && u >= 0 && u < width;
              least = Math.min(least, inside ? values[v * width + u]! : 0);
            }
          }
          return value - least;
        });
        expect([...labelBoundary(labels(values), height, width, ratio)]).toEqual(expected);
      }),
    );
  });
});
