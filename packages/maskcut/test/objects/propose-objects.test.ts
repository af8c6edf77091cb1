import { decodeMask, encodeMask, rleBbox, rleIou, type PatchFeatures, type RgbImage } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proposeObjects } from '../../src/index.ts';
import { boundaryStrength, opponentPlanes } from '../../src/objects/boundary-map.ts';

type Colour = readonly [number, number, number];

function picture(height: number, width: number, colour: (y: number, x: number) => Colour): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) data.set(colour(y, x), (y * width + x) * 3);
  return { data, height, width };
}

/** Mean colour of each cell of a grid stretched over the picture. */
function meanColours({ data, height, width }: RgbImage, gridH: number, gridW: number): PatchFeatures {
  const out = new Float32Array(gridH * gridW * 3);
  const counts = new Float32Array(gridH * gridW);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const cell = Math.floor((y * gridH) / height) * gridW + Math.floor((x * gridW) / width);
      counts[cell]! += 1;
      for (let c = 0; c < 3; c += 1) out[cell * 3 + c]! += data[(y * width + x) * 3 + c]! / 128 - 1;
    }
  }
  for (let i = 0; i < out.length; i += 1) out[i]! /= Math.max(1, counts[Math.floor(i / 3)]!);
  return { data: out, gridH, gridW, dim: 3, patchSize: 8 };
}

const inside = (y: number, x: number, top: number, left: number, side: number): boolean =>
  y >= top && y < top + side && x >= left && x < left + side;

describe('proposeObjects', () => {
  it('finds two squares on a plain ground before anything else', () => {
    const image = picture(96, 128, (y, x) =>
      inside(y, x, 16, 16, 32) ? [220, 30, 30] : inside(y, x, 48, 80, 32) ? [30, 30, 220] : [120, 160, 110],
    );
    const found = proposeObjects(image, meanColours(image, 12, 16));
    const boxes = found.slice(0, 2).map(({ bboxXywh }) => bboxXywh);
    for (const wanted of [
      [16, 16, 32, 32],
      [80, 48, 32, 32],
    ]) {
      expect(boxes.some((box) => box.every((value, i) => Math.abs(value - wanted[i]!) <= 3))).toBe(true);
    }
  });

  it.each([
    ['one pixel', 1, 1],
    ['one row', 1, 40],
    ['one column', 40, 1],
    ['a plain picture', 48, 64],
  ])('has nothing to fear from %s', (_, height, width) => {
    const image = picture(height, width, () => [90, 90, 90]);
    for (const { score } of proposeObjects(image, meanColours(image, 2, 2))) expect(score).toBeGreaterThanOrEqual(0);
  });

  it('gives masks that are not empty, best first, no more than asked for, and the same again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 60 }), fc.integer({ min: 8, max: 60 }), fc.nat(), (height, width, seed) => {
        const image = picture(height, width, (y, x) => {
          const v = (Math.floor(y / 7) * 53 + Math.floor(x / 5) * 97 + seed) % 256;
          return [v, (v * 3) % 256, 255 - v];
        });
        const features = meanColours(image, 4, 4);
        const found = proposeObjects(image, features, { maxObjects: 7 });
        expect(found.length).toBeLessThanOrEqual(7);
        found.forEach(({ mask, area, score }, i) => {
          expect([mask.height, mask.width]).toEqual([height, width]);
          expect(decodeMask(mask).data.reduce((sum, value) => sum + value, 0)).toBe(area);
          expect(area).toBeGreaterThan(0);
          expect(score >= 0 && score <= 1).toBe(true);
          if (i > 0) expect(score).toBeLessThanOrEqual(found[i - 1]!.score);
        });
        expect(proposeObjects(image, features, { maxObjects: 7 })).toEqual(found);
      }),
      { numRuns: 40 },
    );
  });

  it('finds the same with contours that say what colour says', () => {
    const image = picture(48, 64, (y, x) => [(x * 7 + y * 3) % 256, inside(y, x, 8, 8, 20) ? 220 : 60, (y * 5) % 256]);
    const features = meanColours(image, 6, 8);
    const strength = boundaryStrength(opponentPlanes(image), 48, 64);
    const most = strength.reduce((a, b) => Math.max(a, b), 0);
    const contours = { data: strength.map((value) => value / most), height: 48, width: 64 };
    const [without, having] = [proposeObjects(image, features), proposeObjects(image, features, { contours })];
    expect(having.map(({ mask }) => mask)).toEqual(without.map(({ mask }) => mask));
    expect(Float32Array.from(having, ({ score }) => score)).toBeAllClose(
      Float32Array.from(without, ({ score }) => score),
      { atol: 1e-4, rtol: 1e-4 },
    );
  });

  it('believes contours that deny the edges of a square', () => {
    const image = picture(96, 128, (y, x) =>
      inside(y, x, 16, 16, 32) ? [220, 30, 30] : inside(y, x, 48, 80, 32) ? [30, 30, 220] : [120, 160, 110],
    );
    // Given at half the size; nothing ends in the left half of the picture.
    const data = Float32Array.from({ length: 48 * 64 }, (_, i) => (i % 64 < 32 ? 0.001 : 0.5));
    const [best] = proposeObjects(image, meanColours(image, 12, 16), { contours: { data, height: 48, width: 64 } });
    best!.bboxXywh.forEach((value, i) => expect(Math.abs(value - [80, 48, 32, 32][i]!)).toBeLessThanOrEqual(3));
    expect(() =>
      proposeObjects(image, meanColours(image, 12, 16), { contours: { data, height: 48, width: 63 } }),
    ).toThrow(/contours\.data/u);
  });

  it('ranks the region a cut agrees with first', () => {
    const image = picture(96, 128, (y, x) =>
      inside(y, x, 16, 16, 32) ? [220, 30, 30] : inside(y, x, 48, 80, 32) ? [30, 30, 220] : [120, 160, 110],
    );
    const features = meanColours(image, 12, 16);
    for (const [top, left] of [
      [16, 16],
      [48, 80],
    ] as const) {
      const data = new Uint8Array(96 * 128);
      for (let y = top; y < top + 32; y += 1) data.fill(1, y * 128 + left, y * 128 + left + 32);
      const mask = encodeMask({ data, height: 96, width: 128 });
      const cut = { mask, bboxXywh: rleBbox(mask), area: 1024, score: 1 };
      const [first] = proposeObjects(image, features, { cuts: [cut] });
      expect(rleIou(first!.mask, mask)).toBeGreaterThan(0.8);
      expect(first!.details.agreement).toBeGreaterThan(0.8);
    }
  });

  it('keeps regions apart by maxOverlap', () => {
    const image = picture(60, 80, (y, x) => [(x * 3) % 256, (y * 4) % 256, (Math.floor(x / 9) * 60) % 256]);
    const found = proposeObjects(image, meanColours(image, 6, 8), { maxOverlap: 0.3, maxPixels: 60 * 80 });
    expect(found.length).toBeGreaterThan(1);
    // Filled holes may add a little overlap.
    found.forEach((one, i) =>
      found.slice(0, i).forEach((other) => expect(rleIou(one.mask, other.mask)).toBeLessThan(0.4)),
    );
  });

  it('refuses what makes no sense', () => {
    const image = picture(16, 16, () => [0, 0, 0]);
    const features = meanColours(image, 2, 2);
    expect(() => proposeObjects(image, features, { maxObjects: -1 })).toThrow(/maxObjects/u);
    expect(() => proposeObjects(image, features, { maxOverlap: 2 })).toThrow(/maxOverlap/u);
    expect(() => proposeObjects(image, { ...features, dim: 2 })).toThrow(/features\.data/u);
    const mask = encodeMask({ data: new Uint8Array(4), height: 2, width: 2 });
    const cuts = [{ mask, bboxXywh: [0, 0, 0, 0] as const, area: 0, score: 1 }];
    expect(() => proposeObjects(image, features, { cuts })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: proposeObjects: cuts[0].mask must be [16, 16] as the image, got [2, 2].]`,
    );
  });
});
