import type { RgbImage } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEmbeddedBackbone } from '../src/index.ts';
import { labPlanes } from '../src/embedded/lab.ts';

function image(
  height: number,
  width: number,
  colour: (y: number, x: number) => readonly [number, number, number],
): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) data.set(colour(y, x), (y * width + x) * 3);
  return { data, height, width };
}

describe('labPlanes', () => {
  it('agrees with CIE on black, white and the primaries', () => {
    // values of CIE L*a*b* under D65, two digits
    const wanted = [
      [0, 0, 0],
      [100, 0, 0],
      [53.24, 80.09, 67.2],
      [87.73, -86.18, 83.18],
      [32.3, 79.19, -107.86],
    ];
    const lab = labPlanes(Uint8Array.of(0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255));
    wanted.forEach((values, i) => values.forEach((value, c) => expect(lab[c * 5 + i]!).toBeCloseTo(value, 0)));
  });
});

describe('createEmbeddedBackbone', () => {
  const backbone = createEmbeddedBackbone();
  const { dim, clsDim, patchSize } = backbone.info;

  it('describes a plain image by one row everywhere, but for the place', async () => {
    const features = await backbone.extract(image(32, 48, () => [90, 120, 30]));
    expect(features).toMatchObject({ gridH: 4, gridW: 6, dim, patchSize });
    expect(features.cls).toHaveLength(clsDim);
    const rows = Array.from({ length: 24 }, (_, i) => features.data.slice(i * dim, (i + 1) * dim - 2));
    for (const row of rows) expect(row).toBeAllClose(rows[0]!, { atol: 1e-5 });
    expect(features.data[dim - 2]).toBeLessThan(features.data.at(-2)!);
  });

  it('tells colours and textures apart', async () => {
    const features = await backbone.extract(
      image(16, 48, (y, x) =>
        x < 16 ? [200, 40, 40] : x < 32 ? [40, 40, 200] : (x + y) % 2 === 0 ? [10, 10, 10] : [240, 240, 240],
      ),
    );
    const row = (x: number): Float32Array => features.data.subarray(x * dim, (x + 1) * dim);
    const distance = (a: Float32Array, b: Float32Array): number => Math.hypot(...a.map((value, j) => value - b[j]!));
    expect(distance(row(0), row(1))).toBeLessThan(distance(row(1), row(2)));
    expect(distance(row(2), row(3))).toBeGreaterThan(1);
    expect(distance(row(3), row(4))).toBeGreaterThan(1);
  });

  it('is finite and repeats itself on any pixels', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.nat(), async (h, w, seed) => {
        const noise = image(8 * h, 8 * w, (y, x) => [
          (y * 31 + x * 17 + seed) & 255,
          (y * x + seed) & 255,
          (seed >> 3) & 255,
        ]);
        const once = await backbone.extract(noise);
        expect(once.data.every(Number.isFinite)).toBe(true);
        expect(once.cls!.every(Number.isFinite)).toBe(true);
        expect(await backbone.extract(noise)).toEqual(once);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses sides that are no multiple of the patch', async () => {
    await expect(backbone.extract(image(12, 16, () => [0, 0, 0]))).rejects.toThrow(/multiples of 8, got \[12, 16\]/u);
    expect(() => createEmbeddedBackbone({ patchSize: 0 })).toThrow(/patchSize/u);
  });
});
