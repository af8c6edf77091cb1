import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resampleBilinear, resampleNearest, type Coordinates } from '../src/index.ts';
import { bilinearTaps } from '../src/internal.ts';

const both: readonly Coordinates[] = ['torch', 'exact'];
const side = fc.integer({ min: 1, max: 20 });
const targetSide = fc.integer({ min: 1, max: 90 });
const coordinates = fc.constantFrom(...both);
const value = fc.float({ min: -2, max: 2, noNaN: true });

/** [channels, H, W] as [H, W, channels]. */
function channelsLast(data: Float32Array, channels: number): Float32Array {
  const pixels = data.length / channels;
  return data.map((_, i) => data[(i % channels) * pixels + Math.floor(i / channels)]!);
}

describe('resampleNearest', () => {
  it('doubles and halves by hand', () => {
    const mask = Uint8Array.of(1, 2, 3, 4);
    for (const options of both.map((one) => ({ coordinates: one }))) {
      expect([...resampleNearest(mask, { height: 2, width: 2 }, 4, 2, options)]).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
      expect([...resampleNearest(mask, { height: 2, width: 2 }, 1, 1, options)]).toEqual([1]);
      expect([...resampleNearest(mask, { height: 1, width: 4 }, 1, 3, options)]).toEqual([1, 2, 3]);
    }
  });

  it('takes the true floor where exact, for every size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (from, to) => {
        const row = resampleNearest(
          Int32Array.from({ length: from }, (_, i) => i),
          { height: 1, width: from },
          1,
          to,
          { coordinates: 'exact' },
        );
        row.forEach((at, i) => expect(at).toBe(Number((BigInt(i) * BigInt(from)) / BigInt(to))));
      }),
      { numRuns: 30 },
    );
  });

  it('misses the true floor where torch does: 41 * 2 / 82 is 1, and below 1 in float32', () => {
    const columns = (how: Coordinates): number[] => [
      ...resampleNearest(Uint8Array.of(0, 1), { height: 1, width: 2 }, 1, 82, { coordinates: how }),
    ];
    expect(columns('exact').indexOf(1)).toBe(41);
    expect(columns('torch').indexOf(1)).toBe(42);
  });
});

describe('resampleBilinear', () => {
  it('doubles by hand, with the ends clamped', () => {
    for (const options of both.map((one) => ({ coordinates: one }))) {
      const row = resampleBilinear(Float32Array.of(0, 1), { height: 1, width: 2 }, 1, 4, options);
      expect([...row]).toEqual([0, 0.25, 0.75, 1]);
      const square = resampleBilinear(Uint8Array.of(0, 4, 8, 12), { height: 2, width: 2 }, 1, 1, options);
      expect([...square]).toEqual([6]);
    }
  });

  it('copies what keeps its size, side by side', () => {
    const field = Float32Array.of(-Infinity, 1, Number.NaN, 2);
    const same = resampleBilinear(field, { height: 2, width: 2 }, 2, 2);
    expect(same).toEqual(field);
    expect(same).not.toBe(field);
    // No neighbour of a column that is copied takes part in it.
    for (const options of both.map((one) => ({ coordinates: one }))) {
      const wide = resampleBilinear(Float32Array.of(1, Infinity, 3, Infinity), { height: 2, width: 2 }, 4, 2, options);
      expect([...wide].filter((_, i) => i % 2 === 0)).toEqual([1, 1.5, 2.5, 3]);
    }
  });

  it('rounds places as torch does: twice for outputs of height + width above 128, else once', () => {
    const place = (rounding: Parameters<typeof bilinearTaps>[2]): number => {
      const { low, highWeight } = bilinearTaps(30, 13, rounding);
      return low[3]! + highWeight[3]!;
    };
    const scale = Math.fround(30 / 13);
    expect(place('exact')).toBe((3.5 * 30) / 13 - 0.5);
    expect(place('torch-small')).toBe(Math.fround(scale * 3.5 - 0.5)); // 7.5769229
    expect(place('torch')).toBe(Math.fround(Math.fround(scale * 3.5) - 0.5)); // 7.5769234
    const ramp = Float32Array.from({ length: 30 }, (_, i) => i - 7);
    const atPlace = (height: number): number => resampleBilinear(ramp, { height: 1, width: 30 }, height, 13)[3]!;
    expect(Math.abs(atPlace(128 - 13) + 7 - place('torch-small'))).toBeLessThan(1e-7);
    expect(Math.abs(atPlace(129 - 13) + 7 - place('torch'))).toBeLessThan(1e-7);
  });

  it('agrees with float64 to the rounding of a place, and stays between the smallest and the largest value', () => {
    fc.assert(
      fc.property(
        side,
        side,
        targetSide,
        targetSide,
        coordinates,
        fc.infiniteStream(value),
        (h, w, height, width, how, values) => {
          const field = Float32Array.from({ length: h * w }, () => values.next().value);
          const shape = { height: h, width: w };
          const actual = resampleBilinear(field, shape, height, width, { coordinates: how });
          // a place of at most 20 is off by 2e-6, twice, times a slope of at most 4
          expect(actual).toBeAllClose(resampleBilinear(field, shape, height, width, { coordinates: 'exact' }), {
            atol: 2e-5,
          });
          const slack = 1e-6;
          expect(Math.min(...actual)).toBeGreaterThanOrEqual(Math.min(...field) - slack);
          expect(Math.max(...actual)).toBeLessThanOrEqual(Math.max(...field) + slack);
        },
      ),
    );
  });
});

describe('both', () => {
  it('treat each channel as if it were alone, in either layout', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        side,
        side,
        targetSide,
        targetSide,
        coordinates,
        fc.infiniteStream(value),
        (channels, h, w, height, width, how, values) => {
          const field = Float32Array.from({ length: channels * h * w }, () => values.next().value);
          const shape = { channels, height: h, width: w };
          for (const resample of [resampleNearest, resampleBilinear]) {
            const whole = resample(field, shape, height, width, { coordinates: how });
            const alone = Array.from({ length: channels }, (_, c) =>
              resample(field.slice(c * h * w, (c + 1) * h * w), { height: h, width: w }, height, width, {
                coordinates: how,
              }),
            );
            expect(whole).toEqual(Float32Array.from(alone.flatMap((one) => [...one])));
            const last = resample(channelsLast(field, channels), shape, height, width, {
              coordinates: how,
              layout: 'hwc',
            });
            expect(last).toEqual(channelsLast(whole, channels));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keep a constant constant', () => {
    fc.assert(
      fc.property(side, side, targetSide, targetSide, coordinates, (h, w, height, width, how) => {
        const shape = { height: h, width: w };
        const ones = new Float32Array(h * w).fill(1);
        const expected = new Float32Array(height * width).fill(1);
        expect(resampleNearest(ones, shape, height, width, { coordinates: how })).toEqual(expected);
        // weights of float32 add up to 1 within a rounding each
        expect(resampleBilinear(ones, shape, height, width, { coordinates: how })).toBeAllClose(expected, {
          atol: 3e-7,
        });
      }),
    );
  });

  it('refuse sizes that do not fit', () => {
    const refusal = (call: () => unknown): string => {
      try {
        call();
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(refusal(() => resampleNearest(new Uint8Array(5), { height: 2, width: 2 }, 4, 4))).toMatchInlineSnapshot(
      `"resampleNearest: samples must be [1, 2, 2] (4 values), got 5 values."`,
    );
    expect(
      refusal(() =>
        resampleBilinear(new Float32Array(5), { channels: 3, height: 2, width: 1 }, 4, 4, { layout: 'hwc' }),
      ),
    ).toMatchInlineSnapshot(`"resampleBilinear: samples must be [2, 1, 3] (6 values), got 5 values."`);
    expect(refusal(() => resampleBilinear(new Float32Array(4), { height: 2, width: 2 }, 4, 0.5))).toMatchInlineSnapshot(
      `"resampleBilinear: width must be an integer in [1, 9007199254740991], got 0.5."`,
    );
    expect(refusal(() => resampleNearest(new Uint8Array(0), { height: 0, width: 2 }, 1, 1))).toMatchInlineSnapshot(
      `"resampleNearest: shape.height must be an integer in [1, 9007199254740991], got 0."`,
    );
  });
});
