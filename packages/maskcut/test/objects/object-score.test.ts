import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultObjectScore, type ObjectEvidence } from '../../src/objects/object-score.ts';

const evidence: ObjectEvidence = {
  contourStrength: 2,
  weakShare: 0,
  contrast: 1,
  featureContrast: 1,
  persistence: 0,
  borderShare: 0,
  areaRatio: 0.2,
  extent: 1,
  compactness: 1,
  agreement: 1,
};

describe('defaultObjectScore', () => {
  it('is the fourth root of the product, worked by hand', () => {
    // only the contour is short of 1: 2 / (2 + 2)
    expect(defaultObjectScore(evidence)).toBeCloseTo(0.5 ** 0.25, 12);
    // half the contour weak, a quarter of the full area (root: 1/2), no agreement: 0.2 of 1.2
    expect(defaultObjectScore({ ...evidence, weakShare: 0.5, areaRatio: 0.05, agreement: 0 })).toBeCloseTo(
      (0.5 * 0.5 * 0.5 * (0.2 / 1.2)) ** 0.25,
      12,
    );
    expect(defaultObjectScore({ ...evidence, areaRatio: 1 })).toBe(0);
  });

  it('stays in [0, 1], rises with what speaks for an object and falls with what speaks against it', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(share, { minLength: 9, maxLength: 9 }), share, (values, more) => {
        const [contour, weakShare, contrast, featureContrast, borderShare, areaRatio, extent, compactness, agreement] =
          values as [number, number, number, number, number, number, number, number, number];
        const one: ObjectEvidence = {
          contourStrength: 10 * contour,
          weakShare,
          contrast,
          featureContrast,
          persistence: 0,
          borderShare,
          areaRatio,
          extent,
          compactness,
          agreement,
        };
        const score = defaultObjectScore(one);
        expect(score >= 0 && score <= 1).toBe(true);
        const grown = (value: number): number => value + more * (1 - value);
        const slack = 1e-12;
        expect(defaultObjectScore({ ...one, agreement: grown(agreement) })).toBeGreaterThanOrEqual(score - slack);
        expect(defaultObjectScore({ ...one, contrast: grown(contrast) })).toBeGreaterThanOrEqual(score - slack);
        expect(defaultObjectScore({ ...one, weakShare: grown(weakShare) })).toBeLessThanOrEqual(score + slack);
        expect(defaultObjectScore({ ...one, borderShare: grown(borderShare) })).toBeLessThanOrEqual(score + slack);
      }),
    );
  });
});
