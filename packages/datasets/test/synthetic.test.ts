import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMask, rleFromString } from '@u2seg/core';
import { generateScene, readPanopticPng, sceneCategories, writeSyntheticDataset } from '@u2seg/datasets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tempFolder } from './temp-folder.ts';

const base = tempFolder();
const small = { height: 48, width: 64 } as const;

const hashOf = (...parts: Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

describe('generateScene', () => {
  it('gives the same bytes for the same seed, on every machine', () => {
    const scene = generateScene(7, small);
    const ids = new Uint8Array(scene.panoptic.ids.buffer);
    expect(hashOf(scene.image.data, ids)).toMatchInlineSnapshot(`"1a53897e8da54bf9"`);
    expect(generateScene(7, small)).toEqual(scene);
    expect(generateScene(8, small).image).not.toEqual(scene.image);
  });

  it('labels every pixel with a listed segment, things within the bounds asked for', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 32, max: 90 }),
        fc.integer({ min: 32, max: 90 }),
        (seed, height, width) => {
          const { image, panoptic, segments } = generateScene(seed, { height, width, maxThings: 4 });
          expect(image.data.length).toBe(height * width * 3);
          expect(new Set(panoptic.ids)).toEqual(new Set(segments.map(({ id }) => id)));
          expect(new Set(segments.map(({ id }) => id)).size).toBe(segments.length);
          expect(segments.filter(({ isThing }) => isThing).length).toBeLessThanOrEqual(4);
          for (const { categoryId, isThing } of segments) {
            expect(sceneCategories.find(({ id }) => id === categoryId)!.isThing).toBe(isThing);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it('uses every category and overlaps objects', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      for (const { categoryId } of generateScene(seed, { height: 64, width: 96 }).segments) seen.add(categoryId);
    }
    expect(seen.size).toBe(sceneCategories.length);
  });

  it('refuses impossible options', () => {
    expect(() => generateScene(0, { height: 8 })).toThrow('height must be an integer in [32, 8192], got 8.');
    expect(() => generateScene(0, { minThings: 9 })).toThrow('minThings must be an integer in [0, 5], got 9.');
  });
});

describe('writeSyntheticDataset', () => {
  it('writes COCO panoptic and instance annotations that agree', async () => {
    const folder = mkdtempSync(join(base, 'set-'));
    const written = await writeSyntheticDataset(folder, { ...small, count: 3, seed: 1, format: 'png' });
    const panoptic = JSON.parse(readFileSync(written.panopticJson, 'utf8'));
    const instances = JSON.parse(readFileSync(written.instancesJson, 'utf8'));
    expect(panoptic.images.length).toBe(3);
    expect(panoptic.categories.length).toBe(13);
    expect(readdirSync(written.imageFolder)).toEqual(
      panoptic.images.map((image: { file_name: string }) => image.file_name),
    );
    for (const annotation of panoptic.annotations) {
      const { ids, height, width } = await readPanopticPng(join(written.panopticFolder, annotation.file_name));
      expect({ height, width }).toEqual(small);
      let total = 0;
      for (const segment of annotation.segments_info) {
        expect(ids.filter((id) => id === segment.id).length).toBe(segment.area);
        total += segment.area;
      }
      expect(total).toBe(height * width);
    }
    for (const { image_id, segmentation, area, bbox } of instances.annotations) {
      const { data } = decodeMask(rleFromString(segmentation.size[0], segmentation.size[1], segmentation.counts));
      expect(data.reduce((a, b) => a + b, 0)).toBe(area);
      expect(bbox[2] * bbox[3]).toBeGreaterThanOrEqual(area);
      expect(panoptic.images.some((image: { id: number }) => image.id === image_id)).toBe(true);
    }
  });

  it('may be repeated, and refuses a folder of something else', async () => {
    const folder = mkdtempSync(join(base, 'set-'));
    const options = { ...small, count: 1, seed: 1 } as const;
    const { panopticJson } = await writeSyntheticDataset(folder, options);
    const first = readFileSync(panopticJson, 'utf8');
    await writeSyntheticDataset(folder, options);
    expect(readFileSync(panopticJson, 'utf8')).toBe(first);
    await expect(writeSyntheticDataset(folder, { ...options, seed: 2 })).rejects.toThrow(
      'holds synthetic scenes of another configuration; name an empty folder.',
    );
    await expect(writeSyntheticDataset(join(folder, 'images'), options)).rejects.toMatchObject({ code: 'conflict' });
  });
});
