import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PatchFeatures, RgbImage } from '@u2seg/core';
import { MaskCutPool, proposeMasks } from '@u2seg/maskcut';
import { describe, expect, it } from 'vitest';

const built = existsSync(fileURLToPath(new URL('../dist/maskcut-worker.js', import.meta.url)));

function photo(shade: number): RgbImage {
  const data = new Uint8Array(48 * 64 * 3).fill(30);
  for (let y = 12; y < 30; y += 1) data.fill(shade, (y * 64 + 16) * 3, (y * 64 + 40) * 3);
  return { data, height: 48, width: 64 };
}

function features(): PatchFeatures {
  const data = new Float32Array(8 * 8 * 2);
  for (let y = 0; y < 8; y += 1) {
    for (let x = 0; x < 8; x += 1) data[(y * 8 + x) * 2 + (y >= 2 && y < 5 && x >= 2 && x < 5 ? 1 : 0)] = 1;
  }
  return { data, gridH: 8, gridW: 8, dim: 2, patchSize: 8 };
}

describe.skipIf(!built)('MaskCutPool (needs the built package)', () => {
  it('answers as proposeMasks does, holds back what it cannot take, and passes errors on', async () => {
    const pool = new MaskCutPool({ size: 2, maxPending: 2 });
    try {
      const photos = [200, 220, 240, 255].map(photo);
      const jobs = photos.map((image) => pool.propose(image, features()));
      await Promise.resolve();
      expect(pool.pending).toBeLessThanOrEqual(2);
      const results = await Promise.all(jobs);
      expect(results).toEqual(photos.map((image) => proposeMasks(image, features())));
      expect(results[0]).toHaveLength(1);
      const broken = features();
      broken.data[3] = Number.NaN;
      await expect(pool.propose(photos[0]!, broken)).rejects.toMatchObject({ code: 'bad-format' });
    } finally {
      await pool.close();
    }
  });
});
