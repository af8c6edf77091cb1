import type { RgbImage } from '@u2seg/core';
import { golden } from '@u2seg/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeImage,
  decodePngSamples,
  normalizeImagenet,
  type PillowFilter,
  resizePillow,
  resizePillowGray,
  resizeShortestEdgeShape,
} from '@u2seg/datasets';
import { readFileSync } from 'node:fs';

const cases = golden('image-resize');

interface Index {
  readonly images: readonly {
    readonly input: string;
    readonly outputs: Readonly<
      Record<string, string | { file: string; short_edge: number; max_size: number; new_h: number; new_w: number }>
    >;
  }[];
  readonly output_shape_table: readonly (readonly [number, number, number, number, number, number])[];
}

describe.skipIf(cases === undefined)('golden image-resize', () => {
  it('golden: every resized image is equal to Pillow bit for bit', async () => {
    let compared = 0;
    for (const { input, outputs } of cases!.json<Index>('index.json').images) {
      const image = await decodeImage(cases!.file(input));
      for (const [kind, output] of Object.entries(outputs)) {
        const file = typeof output === 'string' ? output : output.file;
        const expected = await decodeImage(cases!.file(file));
        const filter = /lanczos|bilinear|bicubic/u.exec(kind)![0] as PillowFilter;
        if (typeof output !== 'string') {
          const { height, width } = resizeShortestEdgeShape(
            image.height,
            image.width,
            output.short_edge,
            output.max_size,
          );
          expect([height, width]).toEqual([output.new_h, output.new_w]);
        }
        const resized = resizePillow(image, expected.height, expected.width, filter);
        expect(Buffer.compare(resized.data, expected.data), file).toBe(0);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  it('golden: a mode L mask by bicubic is equal to Pillow bit for bit', async () => {
    const gray = async (name: string) => {
      const { samples, height, width, channels } = await decodePngSamples(readFileSync(cases!.file(name)), name);
      expect(channels).toBe(1);
      return { data: samples as Uint8Array, height, width };
    };
    const expected = await gray('mask_L_resized_default_bicubic.png');
    expect(resizePillowGray(await gray('mask_L_in.png'), expected.height, expected.width, 'bicubic')).toEqual(expected);
  });

  it('golden: output shapes of ResizeShortestEdge are exact', () => {
    for (const [h, w, short, max, height, width] of cases!.json<Index>('index.json').output_shape_table) {
      expect(resizeShortestEdgeShape(h, w, short, max)).toEqual({ height, width });
    }
  });

  it('golden: normalization agrees with torchvision to the bit', () => {
    const tensors = cases!.tensors('normalize.safetensors');
    const image = tensors.get('image_u8_hwc')!;
    const [height, width] = image.shape as [number, number];
    const actual = normalizeImagenet({ data: image.data as Uint8Array, height, width });
    expect(actual).toBeAllClose(tensors.get('normalized_chw')!.data as Float32Array, { atol: 1e-6 });
  });
});

const filters: readonly PillowFilter[] = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'];
const size = fc.integer({ min: 1, max: 40 });

describe('resizePillow', () => {
  it('halves a 2 x 2 by hand: the mean, rounded half up', () => {
    const data = Uint8Array.of(0, 10, 255, 1, 10, 255, 2, 10, 255, 3, 11, 254);
    expect([...resizePillow({ data, height: 2, width: 2 }, 1, 1, 'box').data]).toEqual([2, 11, 255]);
  });

  it('keeps a constant image constant, for every filter and size', () => {
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        fc.nat(255),
        fc.constantFrom(...filters),
        (h, w, height, width, value, filter) => {
          const image = { data: new Uint8Array(h * w * 3).fill(value), height: h, width: w };
          expect(new Set(resizePillow(image, height, width, filter).data)).toEqual(new Set([value]));
        },
      ),
    );
  });

  it('passes the vertical way first only where the height shrinks by more than twice the width', () => {
    const image = { data: Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 7919) & 255), height: 30, width: 20 };
    const both = (height: number, width: number) =>
      (['pillow-13', 'horizontal-first'] as const).map((passOrder) =>
        Buffer.from(resizePillow(image, height, width, 'bicubic', { passOrder }).data).toString('hex'),
      );
    expect(new Set(both(20, 15)).size).toBe(1);
    expect(new Set(both(19, 15)).size).toBe(2);
    expect(new Set(both(40, 80)).size).toBe(1);
  });

  it('returns a copy when the size stays', () => {
    const image = { data: Uint8Array.of(1, 2, 3), height: 1, width: 1 };
    const same = resizePillow(image, 1, 1, 'lanczos');
    expect(same).toEqual(image);
    expect(same.data).not.toBe(image.data);
  });

  it('treats one channel as it treats each of three', () => {
    fc.assert(
      fc.property(size, size, size, size, fc.constantFrom(...filters), (h, w, height, width, filter) => {
        const gray = Uint8Array.from({ length: h * w }, (_, i) => (i * 97 + ((i * i) >> 2)) & 255);
        const data = Uint8Array.from({ length: h * w * 3 }, (_, i) => gray[Math.floor(i / 3)]!);
        const rgb: RgbImage = resizePillow({ data, height: h, width: w }, height, width, filter);
        const one = resizePillowGray({ data: gray, height: h, width: w }, height, width, filter);
        expect(rgb.data.filter((_, i) => i % 3 === 1)).toEqual(one.data);
      }),
    );
  });

  it('refuses wrong sizes', () => {
    const image = { data: new Uint8Array(12), height: 2, width: 2 };
    expect(() => resizePillow(image, 0, 4, 'box')).toThrow(
      'resizePillow: height must be an integer in [1, 1048576], got 0.',
    );
    expect(() => resizePillow({ ...image, width: 3 }, 4, 4, 'box')).toThrow(
      'resizePillow: image.data must be [2, 3, 3]',
    );
  });
});
