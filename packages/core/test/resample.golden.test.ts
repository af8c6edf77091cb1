import { golden, type GoldenTensor } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { resampleBilinear, resampleNearest, type SampleShape } from '../src/index.ts';

const cases = golden('image-resize');

describe.skipIf(cases === undefined)('resampling (golden)', () => {
  it('golden: masks and fields are interpolated as torch does', () => {
    const tensors = cases!.tensors('mask_upsample.safetensors');
    const shapeOf = ({ shape }: GoldenTensor): SampleShape => ({ height: shape.at(-2)!, width: shape.at(-1)! });
    let compared = 0;
    for (const [name, expected] of tensors) {
      const source = tensors.get(name.startsWith('mask') ? 'mask_u8' : 'field_f32')!;
      if (expected === source) continue;
      const { height, width } = shapeOf(expected);
      const data = source.data as Float32Array;
      if (name.includes('bilinear')) {
        // Measured: equal bits, above and below torch's limit of small outputs. Allowed: the last bit of values up to 4.
        expect(resampleBilinear(data, shapeOf(source), height, width)).toBeAllClose(expected.data as Float32Array, {
          atol: 2.4e-7,
        });
      } else {
        expect(resampleNearest(data, shapeOf(source), height, width)).toEqual(expected.data);
      }
      compared += 1;
    }
    expect(compared).toBeGreaterThan(1);
  });
});
