import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantizeRows, transpose } from '../src/vit/quantization.ts';

describe('quantizeRows', () => {
  it('puts the largest magnitude of each row at 127 and leaves zeros', () => {
    const { values, scales } = quantizeRows(Float32Array.of(1, -2, 0, 0, 0, 0), 2, 3);
    expect([...values]).toEqual([64, -127, 0, 0, 0, 0]);
    expect([...scales]).toEqual([Math.fround(2 / 127), 1]);
  });

  it('errs by at most half a step', () => {
    const row = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(row, (values) => {
        const data = Float32Array.from(values);
        const quantized = quantizeRows(data, 1, data.length);
        const step = quantized.scales[0]!;
        const back = Float32Array.from(quantized.values, (value) => value * step);
        expect(back).toBeAllClose(data, { atol: step * 0.501 + 1e-30 });
      }),
    );
  });
});

describe('transpose', () => {
  it('turns rows into columns', () => {
    expect([...transpose(Float32Array.of(1, 2, 3, 4, 5, 6), new Float32Array(6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
  });
});
