import { encodeMask } from '@u2seg/core';
import { maskAt, packMasks } from '@u2seg/metrics/internal';
import fc from 'fast-check';
import { expect, it } from 'vitest';

it('unpacks every mask as it was packed, empty and full ones too', () => {
  const size = fc.record({ height: fc.integer({ min: 1, max: 7 }), width: fc.integer({ min: 1, max: 7 }) });
  const mask = size.chain(({ height, width }) =>
    fc
      .array(fc.constantFrom(0, 1), { minLength: height * width, maxLength: height * width })
      .map((bits) => encodeMask({ data: Uint8Array.from(bits), height, width })),
  );
  fc.assert(
    fc.property(fc.array(mask, { maxLength: 5 }), (masks) => {
      const table = packMasks(masks);
      expect(masks.map((_, i) => maskAt(table, i))).toEqual(masks);
    }),
  );
  for (const bit of [0, 1]) {
    const one = encodeMask({ data: new Uint8Array(6).fill(bit), height: 2, width: 3 });
    expect(maskAt(packMasks([one]), 0)).toEqual(one);
  }
});
