import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DistanceBounds } from '../../src/kmeans/distance-bounds.ts';
import { squaredNorm } from '../../src/points.ts';

describe('DistanceBounds', () => {
  const vector = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 5, maxLength: 5 });

  it('brackets the distance, and no distance changes by more than its centroid moved', () => {
    fc.assert(
      fc.property(
        vector,
        vector,
        vector,
        fc.constantFrom('l2' as const, 'inner-product' as const),
        (x, a, b, metric) => {
          const points = Float32Array.from(x);
          const [before, after] = [Float32Array.from(a), Float32Array.from(b)];
          const norm = squaredNorm(points, 0, 5);
          fc.pre(norm > 0);
          const bounds = new DistanceBounds(points, Float64Array.of(norm), 5, metric);
          bounds.move(before, before, 1);
          const first = bounds.exact(0, 0);
          const score =
            before.reduce((sum, value, j) => sum + value * points[j]!, 0) -
            (metric === 'l2' ? squaredNorm(before, 0, 5) / 2 : 0);
          expect(bounds.above(0, score, 1e-9)).toBeGreaterThanOrEqual(first);
          expect(bounds.below(0, score, 1e-9)).toBeLessThanOrEqual(first);
          const [drift] = bounds.move(before, after, 1);
          const second = bounds.exact(0, 0);
          expect(Math.abs(second - first)).toBeLessThanOrEqual(
            drift! + 4 * bounds.margin(Math.max(first, second)) + 1e-300,
          );
        },
      ),
    );
  });

  it('knows centroids that went or came', () => {
    const bounds = new DistanceBounds(Float32Array.of(1), Float64Array.of(1), 1, 'l2');
    const drifts = bounds.move(Float32Array.of(NaN, 2, 3), Float32Array.of(1, NaN, 5), 3);
    expect(drifts[0]).toBe(Infinity);
    expect(drifts[1]).toBeNaN();
    expect(drifts[2]).toBeCloseTo(2, 12);
  });

  it('says nothing about a score nobody knows', () => {
    const bounds = new DistanceBounds(Float32Array.of(1), Float64Array.of(1), 1, 'l2');
    expect(bounds.below(0, NaN, 0)).toBe(-Infinity);
    expect(bounds.below(0, -Infinity, 0)).toBe(Infinity);
  });
});
