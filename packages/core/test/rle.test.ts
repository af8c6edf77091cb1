import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertRle,
  decodeMask,
  encodeMask,
  rleArea,
  rleBbox,
  rleFromBbox,
  rleFromPolygon,
  rleFromPolygons,
  rleFromString,
  rleIntersection,
  rleIou,
  rleMerge,
  rleToString,
  type BinaryMask,
  type Rle,
} from '@u2seg/core';

/** A mask of blocks of random height and width: long runs as in photos, single pixels too. */
const maskOfSize = (height: number, width: number): fc.Arbitrary<BinaryMask> =>
  fc
    .array(fc.integer({ min: 0, max: 1 }), { minLength: height * width, maxLength: height * width })
    .map((data) => ({ data: Uint8Array.from(data), height, width }));
const mask = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }))
  .chain(([h, w]) => maskOfSize(h, w));
const maskPair = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .chain(([h, w]) => fc.tuple(maskOfSize(h, w), maskOfSize(h, w)));

const rows = (...lines: string[]): BinaryMask => ({
  data: Uint8Array.from(lines.join(''), Number),
  height: lines.length,
  width: lines[0]!.length,
});

describe('encodeMask', () => {
  it('runs down the columns and starts with zeros', () => {
    expect([...encodeMask(rows('0110', '0100')).counts]).toEqual([2, 3, 3]);
    expect([...encodeMask(rows('10', '01')).counts]).toEqual([0, 1, 2, 1]);
  });

  it('takes an empty, a full and a one-pixel mask', () => {
    expect([...encodeMask(rows('00', '00')).counts]).toEqual([4]);
    expect([...encodeMask(rows('11', '11')).counts]).toEqual([0, 4]);
    expect([...encodeMask(rows('1')).counts]).toEqual([0, 1]);
    expect(rleBbox(encodeMask(rows('000', '000')))).toEqual([0, 0, 0, 0]);
  });

  it('refuses data of another size', () => {
    expect(() => encodeMask({ data: new Uint8Array(5), height: 2, width: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: encodeMask: mask.data must be [2, 3] (6 values), got 5 values.]`,
    );
  });

  it('is undone by decodeMask, and by the string format', () => {
    fc.assert(
      fc.property(mask, (one) => {
        const rle = encodeMask(one);
        expect([...decodeMask(rle).data]).toEqual([...one.data]);
        expect(rleFromString(rle.height, rle.width, rleToString(rle))).toEqual(rle);
        expect(rleArea(rle)).toBe(one.data.reduce((sum, value) => sum + value, 0));
      }),
    );
  });
});

describe('rleToString', () => {
  it('keeps counts up to 2^31 and large drops between them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1, maxLength: 12 }), (counts) => {
        const total = counts.reduce((sum, count) => sum + count, 0);
        const rle: Rle = { height: total, width: 1, counts: Uint32Array.from(counts) };
        expect([...rleFromString(total, 1, rleToString(rle)).counts]).toEqual(counts);
      }),
    );
  });

  it('says what is wrong with a string', () => {
    expect(() => rleFromString(2, 2, '5')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromString: result.counts must add up to 2 x 2 = 4 pixels, got 5.]`,
    );
    expect(() => rleFromString(2, 2, '1 3')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromString: character 1 must be in '0'..'o', got " ".]`,
    );
    expect(() => rleFromString(2, 2, 'P')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromString: the string ends inside count data (1 characters).]`,
    );
    expect(() => rleFromString(2, 2, 'N')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromString: count 0 must be in [0, 2^32), got -2.]`,
    );
  });
});

describe('mask algebra', () => {
  it('agrees with the pixels', () => {
    fc.assert(
      fc.property(maskPair, ([a, b]) => {
        const [ra, rb] = [encodeMask(a), encodeMask(b)];
        const and = a.data.map((value, i) => value & b.data[i]!);
        const or = a.data.map((value, i) => value | b.data[i]!);
        const count = (data: Uint8Array): number => data.reduce((sum, value) => sum + value, 0);
        expect([...decodeMask(rleMerge([ra, rb], { intersect: true })).data]).toEqual([...and]);
        expect([...decodeMask(rleMerge([ra, rb])).data]).toEqual([...or]);
        expect(rleIntersection(ra, rb)).toBe(count(and));
        expect(rleIou(ra, rb)).toBe(count(and) === 0 ? 0 : count(and) / count(or));
        expect(rleIou(ra, rb, true)).toBe(count(and) === 0 ? 0 : count(and) / count(a.data));
        expect(rleIou(ra, rb)).toBe(rleIou(rb, ra));
      }),
    );
  });

  it('boxes the pixels tightly', () => {
    fc.assert(
      fc.property(mask, (one) => {
        const set = [...one.data.keys()].filter((i) => one.data[i] === 1);
        const xs = set.map((i) => i % one.width);
        const ys = set.map((i) => Math.floor(i / one.width));
        const [x, y] = [Math.min(...xs), Math.min(...ys)];
        const [, , w, h] = rleBbox(encodeMask(one));
        if (set.length === 0) {
          expect([w, h]).toEqual([0, 0]);
          return;
        }
        // the COCO API takes the whole height for a run that crosses a column's end, even where it starts a column early
        const columns = new Set(xs).size;
        expect(rleBbox(encodeMask(one)).slice(0, 1)).toEqual([x]);
        expect(w).toBe(Math.max(...xs) - x + 1);
        if (columns === 1) expect([rleBbox(encodeMask(one))[1], h]).toEqual([y, Math.max(...ys) - y + 1]);
      }),
    );
  });

  it('refuses masks of two sizes, and no masks', () => {
    const small = encodeMask(rows('1'));
    const large = encodeMask(rows('11'));
    expect(() => rleIou(small, large)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleIntersection: both masks must have one size, got 1 x 1 and 1 x 2.]`,
    );
    expect(() => rleMerge([])).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleMerge: wanted at least one mask, got none.]`,
    );
  });

  it('finds counts that do not add up', () => {
    expect(() =>
      assertRle('gt.json: annotation 7: segmentation', { height: 2, width: 2, counts: Uint32Array.of(1, 2) }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotation 7: segmentation.counts must add up to 2 x 2 = 4 pixels, got 3.]`,
    );
  });
});

describe('rleFromPolygon', () => {
  it('fills a whole-pixel box exactly, in either direction of the walk', () => {
    const wanted = rows('0000', '0110', '0110').data;
    expect([...decodeMask(rleFromBbox([1, 1, 2, 2], 3, 4)).data]).toEqual([...wanted]);
    expect([...decodeMask(rleFromPolygon([1, 1, 3, 1, 3, 3, 1, 3], 3, 4)).data]).toEqual([...wanted]);
    expect([...decodeMask(rleFromPolygon([1, 1, 1, 3, 3, 3, 3, 1], 3, 4)).data]).toEqual([...wanted]);
  });

  it('clips at the image, and gives an empty mask for a polygon without area', () => {
    expect(rleArea(rleFromBbox([-10, -10, 100, 100], 3, 4))).toBe(12);
    expect(rleArea(rleFromPolygon([1, 1, 1, 1, 1, 1], 3, 4))).toBe(0);
    expect(rleArea(rleFromPolygon([], 3, 4))).toBe(0);
    expect(rleArea(rleFromPolygons([], 3, 4))).toBe(0);
  });

  it('refuses NaN and half a point', () => {
    expect(() => rleFromPolygon([0, 0, Number.NaN, 1], 3, 4)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromPolygon: xy[2] must be finite, got NaN.]`,
    );
    expect(() => rleFromPolygon([0, 0, 1], 3, 4)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: rleFromPolygon: xy must hold pairs, got 3 values.]`,
    );
  });

  it('always adds up to the image', () => {
    const coordinate = fc.double({ min: -20, max: 30, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 9 }), (corners) => {
        expect(() => assertRle('mask', rleFromPolygon(corners.flat(), 11, 13))).not.toThrow();
      }),
    );
  });
});
