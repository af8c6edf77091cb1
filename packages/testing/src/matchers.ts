import { expect } from 'vitest';

type Numbers = ArrayLike<number>;

export interface Tolerance {
  /** Absolute tolerance. */
  readonly atol?: number;
  /** Tolerance relative to |expected| of the element. */
  readonly rtol?: number;
  /** Tolerance relative to the largest |expected| of the whole array. */
  readonly ofMax?: number;
}

declare module 'vitest' {
  interface Matchers<T = any> {
    /** Elementwise closeness; reports the first and the worst index that differ. NaN equals NaN. */
    toBeAllClose(expected: Numbers, tolerance?: Tolerance): T;
  }
}

expect.extend({
  toBeAllClose(actual: Numbers, expected: Numbers, tolerance: Tolerance = {}) {
    const { atol = 0, rtol = 0, ofMax = 0 } = tolerance;
    if (actual.length !== expected.length) {
      return { pass: false, message: () => `expected ${expected.length} values, got ${actual.length}` };
    }
    let max = 0;
    for (let i = 0; i < expected.length; i += 1) max = Math.max(max, Math.abs(expected[i]!) || 0);
    let first = -1;
    let worst = -1;
    let worstBy = -1;
    let count = 0;
    for (let i = 0; i < expected.length; i += 1) {
      const a = actual[i]!;
      const e = expected[i]!;
      if (Object.is(a, e) || a === e) continue;
      const by = Math.abs(a - e);
      if (by <= atol + rtol * Math.abs(e) + ofMax * max) continue;
      count += 1;
      if (first < 0) first = i;
      if (!(by <= worstBy)) {
        worst = i;
        worstBy = by;
      }
    }
    return {
      pass: count === 0,
      message: () =>
        count === 0
          ? 'expected arrays to differ'
          : `${count} of ${expected.length} values differ; first at [${first}]: ${actual[first]} instead of ${expected[first]}; worst at [${worst}]: ${actual[worst]} instead of ${expected[worst]} (max |expected| ${max})`,
    };
  },
});
