import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng } from '@u2seg/core';
import { featuresTable, PartitionedTable, type FeatureRow } from '@u2seg/interchange';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FeatureStore } from '../../src/semantics/feature-store.ts';

const dim = 4;
let folder: string;
let table: PartitionedTable<FeatureRow>;
const rows: FeatureRow[] = Array.from({ length: 20 }, (_, i) => {
  const rng = seededRng(i);
  const cells = 2 + (i % 3);
  return {
    image_id: `photo ${i}`,
    grid_h: 1,
    grid_w: cells,
    patch_size: 8,
    patches: Float32Array.from({ length: cells * dim }, () => Math.round(64 * rng()) / 64),
    cls: new Float32Array(0),
  };
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-store-'));
  table = new PartitionedTable(folder, featuresTable(dim, 0, 'float16'), '0123456789abcdef');
  // The third partition holds no photo at all.
  for (const [p, [from, to]] of [
    [0, 8],
    [8, 16],
    [16, 16],
    [16, 20],
  ].entries())
    await table.write(p, rows.slice(from, to));
  await table.finish(4);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('FeatureStore', () => {
  it.each([0, 300, 10_000])('gives every photo in any order, keeping %i bytes', async (maxBytes) => {
    const store = await FeatureStore.open(table, dim, maxBytes);
    expect(store.count).toBe(20);
    const rng = seededRng(3);
    for (let step = 0; step < 100; step += 1) {
      const i = Math.floor(rng() * 20);
      const { grid_w: gridW, patches: data } = rows[i]!;
      expect(await store.read(i)).toEqual({ data, gridH: 1, gridW, dim, patchSize: 8 });
      // The photo just asked for is kept even where it alone is too much.
      expect(store.bytes).toBeLessThanOrEqual(Math.max(maxBytes, data.byteLength));
      expect(await store.imageId(i)).toBe(`photo ${i}`);
    }
    store.clear();
    expect(store.bytes).toBe(0);
    expect((await store.read(7)).data).toEqual(rows[7]!.patches);
  });

  it('serves readers side by side', async () => {
    const store = await FeatureStore.open(table, dim, 200);
    const found = await Promise.all(rows.map((_, i) => store.read(i)));
    expect(found.map(({ data }) => data)).toEqual(rows.map(({ patches }) => patches));
  });
});
