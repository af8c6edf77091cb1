import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curveLine } from '../src/curve-points.ts';
import { curveSketch, summaryOf } from '../src/curve-sketch.ts';

const lineOf = (points: readonly (readonly [number, number])[], maxPoints = 100) =>
  curveLine('here', { name: 'loss', points }, maxPoints);

describe('curveLine', () => {
  it('turns what is not finite into gaps and counts it', () => {
    expect(
      lineOf([
        [0, 1],
        [1, Number.NaN],
        [2, Infinity],
        [3, 2],
      ]),
    ).toEqual({
      name: 'loss',
      x: [0, 1, 2, 3],
      y: [1, null, null, 2],
      notFinite: 2,
    });
  });

  it('keeps both ends, the lowest and the highest point when it thins', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 50, maxLength: 400 }),
        (ys) => {
          const { x, y } = lineOf(
            ys.map((value, i) => [i, value] as const),
            40,
          );
          expect(x.length).toBeLessThanOrEqual(40);
          expect([x[0], x.at(-1)]).toEqual([0, ys.length - 1]);
          expect(y).toContain(Math.min(...ys));
          expect(y).toContain(Math.max(...ys));
          expect(x.every((value, i) => i === 0 || value > x[i - 1]!)).toBe(true);
        },
      ),
    );
  });

  it('keeps gaps when it thins', () => {
    expect(
      lineOf(
        Array.from({ length: 1000 }, (_, i) => [i, i === 500 ? Number.NaN : 1] as const),
        40,
      ).y,
    ).toContain(null);
  });
});

describe('curveSketch', () => {
  it('draws nothing, one point, a constant and a gap without a single NaN', () => {
    const cases: (readonly (readonly [number, number])[])[] = [
      [],
      [[3, 5]],
      [
        [0, 1],
        [1, 1],
      ],
      [[0, Number.NaN]],
      [
        [0, 1],
        [1, Number.NaN],
        [2, 3],
      ],
    ];
    for (const points of cases)
      expect(curveSketch('Loss', [lineOf(points)]).source).not.toMatch(/NaN|Infinity|undefined/);
    expect(
      curveSketch('Loss', [
        lineOf([
          [0, 1],
          [1, Number.NaN],
          [2, 3],
        ]),
      ]).source.match(/M[\d.]+ [\d.]+h0/g),
    ).toHaveLength(2);
  });

  it('says in words what it shows', () => {
    expect(
      summaryOf('Loss', [
        lineOf([
          [0, 3],
          [1, 0.5],
          [2, 1],
        ]),
        lineOf([[0, Number.NaN]]),
      ]),
    ).toBe('Loss. loss: from 3 to 1, lowest 0.5. loss: no finite values.');
  });
});
