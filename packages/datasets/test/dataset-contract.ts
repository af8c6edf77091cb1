import { rleArea } from '@u2seg/core';
import { type Dataset, readSamples } from '@u2seg/datasets';
import { expect } from 'vitest';

/** What every data set must do, whatever its files look like. */
export async function expectDatasetContract(open: () => Promise<Dataset>): Promise<void> {
  const dataset = await open();
  const again = await open();
  expect(again.images).toEqual(dataset.images);
  expect(dataset.images.length).toBeGreaterThan(0);
  expect(new Set(dataset.images.map(({ id }) => id)).size).toBe(dataset.images.length);
  const categories = new Map(dataset.categories.map((category) => [category.id, category]));
  expect(categories.size).toBe(dataset.categories.length);
  let seen = 0;
  for await (const sample of readSamples(dataset)) {
    expect({ id: sample.id, path: sample.path }).toEqual({
      id: dataset.images[seen]!.id,
      path: dataset.images[seen]!.path,
    });
    expect(Math.min(sample.height, sample.width)).toBeGreaterThan(0);
    for (const segment of sample.segments) {
      expect(categories.get(segment.categoryId)?.isThing).toBe(segment.isThing);
      expect(segment.bboxXywh.every(Number.isFinite)).toBe(true);
      expect(segment.area).toBeGreaterThanOrEqual(0);
      if (segment.mask === undefined) continue;
      expect([segment.mask.height, segment.mask.width]).toEqual([sample.height, sample.width]);
      expect(segment.mask.counts.reduce((a, b) => a + b, 0)).toBe(sample.height * sample.width);
      expect(rleArea(segment.mask)).toBeGreaterThan(0);
    }
    if (sample.semantic !== undefined) expect(sample.semantic.labels.length).toBe(sample.height * sample.width);
    expect(await again.load(dataset.images[seen]!)).toEqual(sample);
    seen += 1;
  }
  expect(seen).toBe(dataset.images.length);
  await expect(dataset.load({ id: 'no such image', path: '/no/such/image.png' })).rejects.toMatchObject({
    code: 'not-found',
  });
}
