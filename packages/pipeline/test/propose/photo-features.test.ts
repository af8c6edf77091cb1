import { encodeMask, mapOrdered, rleBbox, type PatchFeatures } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskMeans } from '../../src/propose/embed-instances.ts';
import { poolFeatures } from '../../src/propose/pool-features.ts';

function grid(gridH: number, gridW: number, values: readonly number[]): PatchFeatures {
  return { data: Float32Array.from(values), gridH, gridW, dim: values.length / gridH / gridW, patchSize: 8 };
}

describe('poolFeatures', () => {
  it('averages blocks, the cut-off ones at the edge too', () => {
    // 3 x 3 with at most 2 cells a side: blocks of 2
    const pooled = poolFeatures(grid(3, 3, [1, 3, 10, 5, 7, 20, 100, 200, 1000]), 2);
    expect(pooled).toMatchObject({ gridH: 2, gridW: 2, patchSize: 16 });
    expect([...pooled.data]).toEqual([4, 15, 150, 1000]);
  });

  it('keeps what fits', () => {
    const features = grid(2, 2, [1, 2, 3, 4]);
    expect(poolFeatures(features, 2)).toBe(features);
  });
});

describe('maskMeans', () => {
  const features = grid(2, 2, [3, 4, 0, 2, 5, 0, 0, 0]);
  const mask = (values: readonly number[]) => {
    const rle = encodeMask({ data: Uint8Array.from(values), height: 4, width: 4 });
    return { mask: rle, bboxXywh: rleBbox(rle) };
  };

  it('weighs normalized cells by what the mask covers of them', () => {
    // 3 pixels in the first cell [0.6, 0.8], 1 in the second [0, 1]
    const [x, y] = maskMeans(features, [mask([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]);
    expect(x).toBeCloseTo((3 * 0.6) / 4);
    expect(y).toBeCloseTo((3 * 0.8 + 1) / 4);
  });

  it('gives zeros for an empty mask and for cells without a direction, never NaN', () => {
    const empty = mask(Array.from({ length: 16 }, () => 0));
    const last = mask([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1]);
    expect([...maskMeans(features, [empty, last])]).toEqual([0, 0, 0, 0]);
  });
});

describe('mapOrdered', () => {
  it('keeps the order, runs no more than it may, and stops at the first error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (delays, limit) => {
          let running = 0;
          let most = 0;
          const results: number[] = [];
          const work = async ([i, delay]: readonly [number, number]): Promise<number> => {
            running += 1;
            most = Math.max(most, running);
            for (let turn = 0; turn < delay; turn += 1) await Promise.resolve();
            running -= 1;
            return i;
          };
          for await (const result of mapOrdered(delays.entries(), limit, work)) results.push(result);
          expect(results).toEqual(delays.map((_, i) => i));
          expect(most).toBeLessThanOrEqual(limit);
        },
      ),
    );
    const failing = mapOrdered([1, 2, 3], 2, async (item) => {
      if (item === 2) throw new Error('two');
      return item;
    });
    await expect(collect(failing)).rejects.toThrow('two');
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
