import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataRoot } from '@u2seg/testing';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  encodeLabelPng,
  encodePanopticPng,
  encodePng,
  readLabelPng,
  readPanopticPng,
  writeLabelPng,
  writePanopticPng,
} from '@u2seg/datasets';
import { decodePngSamples } from '@u2seg/datasets';
import { tempFolder } from './temp-folder.ts';

const folder = tempFolder();

describe('panoptic PNG', () => {
  it('stores id = R + 256 G + 65536 B', async () => {
    const ids = Uint32Array.of(0, 1, 255, 256, 65536, 16_777_215);
    const path = join(folder, 'deep', 'er', 'p.png');
    await writePanopticPng(path, { ids, height: 2, width: 3 });
    expect(await readPanopticPng(path)).toEqual({ ids, height: 2, width: 3 });
    const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([...data.subarray(6)]).toEqual([255, 0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255]);
    expect(readdirSync(join(folder, 'deep', 'er'))).toEqual(['p.png']);
  });

  it('reads back any ids', async () => {
    const map = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
      .chain(([height, width]) =>
        fc
          .uint32Array({ minLength: height * width, maxLength: height * width, max: (1 << 24) - 1 })
          .map((ids) => ({ ids, height, width })),
      );
    await fc.assert(
      fc.asyncProperty(map, async (value) => {
        expect(await readPanopticPng(await encodePanopticPng(value))).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses ids of 24 bits and more, grey, alpha and 16 bit', async () => {
    await expect(encodePanopticPng({ ids: Uint32Array.of(1 << 24), height: 1, width: 1 })).rejects.toThrow(
      'encodePanopticPng: ids[0] must be an integer in [0, 16777215], got 16777216.',
    );
    const grey = join(folder, 'grey.png');
    await writeLabelPng(grey, { labels: Uint8Array.of(1, 2), height: 1, width: 2 });
    await expect(readPanopticPng(grey)).rejects.toThrow(
      `readPanopticPng: "${grey}": wanted RGB with 8 bits, got grey with 8 bits.`,
    );
    const wide = await sharp(Uint16Array.of(1, 2, 3), { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    await expect(readPanopticPng(wide)).rejects.toThrow('got RGB with 16 bits');
    await expect(readPanopticPng(new TextEncoder().encode('no picture'))).rejects.toThrow('it is not a PNG file');
  });

  it('expands a palette', async () => {
    const palette = Uint8Array.of(0, 0, 0, 1, 2, 3);
    const bytes = await encodeLabelPng({ labels: Uint8Array.of(1, 0), height: 1, width: 2 }, { palette });
    expect([...(await readPanopticPng(bytes)).ids]).toEqual([1 + 512 + 3 * 65536, 0]);
  });

  it.skipIf(dataRoot() === undefined)('agrees with libvips on real annotations', async () => {
    const annotations = join(dataRoot()!, 'coco-mini', 'annotations', 'panoptic');
    for (const name of readdirSync(annotations)
      .filter((file) => file.endsWith('.png'))
      .slice(0, 5)) {
      const { ids, height, width } = await readPanopticPng(join(annotations, name));
      const { data, info } = await sharp(readFileSync(join(annotations, name)), { ignoreIcc: true })
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.height, info.width, info.channels]).toEqual([height, width, 3]);
      expect(ids.every((id, i) => id === data[3 * i]! + 256 * data[3 * i + 1]! + 65536 * data[3 * i + 2]!)).toBe(true);
    }
  });
});

describe('label PNG', () => {
  it('keeps 8-bit, 16-bit and palette labels as they are', async () => {
    const narrow = { labels: Uint8Array.of(0, 1, 254, 255), height: 2, width: 2 };
    const wide = { labels: Uint16Array.of(0, 300, 65535, 255), height: 2, width: 2 };
    expect(await readLabelPng(await encodeLabelPng(narrow))).toEqual(narrow);
    expect(await readLabelPng(await encodeLabelPng(wide))).toEqual(wide);
    const palette = new Uint8Array(768).map((_, i) => (i * 7) & 255);
    const bytes = await encodeLabelPng(narrow, { palette });
    expect(await readLabelPng(bytes)).toEqual(narrow);
    expect([...(await sharp(bytes).raw().toBuffer()).subarray(3, 6)]).toEqual([...palette.subarray(3, 6)]);
  });

  it('reads packed 1, 2 and 4 bit and interlaced files', async () => {
    for (const colours of [2, 4, 16]) {
      const labels = Uint8Array.from({ length: 11 * 13 }, (_, i) => i % colours);
      const grey = labels.map((label) => Math.round((label * 255) / (colours - 1)));
      const bytes = await sharp(grey, { raw: { width: 13, height: 11, channels: 1 } })
        .png({ palette: true, colours, dither: 0, progressive: colours === 4 })
        .toBuffer();
      const { bitDepth } = await decodePngSamples(bytes, 'file');
      expect(bitDepth).toBeLessThanOrEqual(8);
      const read = await readLabelPng(bytes);
      // the encoder may renumber the palette: equal labels must stay equal and different ones different
      const pairs = new Set(labels.map((label, i) => label * 256 + read.labels[i]!));
      expect(new Set([...labels].map((label, i) => `${label}-${read.labels[i]}`)).size).toBe(colours);
      expect(pairs.size).toBeGreaterThan(0);
    }
    const rgb = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i * 37) & 255);
    const interlaced = await sharp(rgb, { raw: { width: 9, height: 7, channels: 3 } })
      .png({ progressive: true })
      .toBuffer();
    expect((await decodePngSamples(interlaced, 'file')).samples).toEqual(rgb);
  });

  it('undoes every row filter as libpng writes them', async () => {
    const rgb = Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => (Math.sin(i / 50) * 90 + 120 + ((i * 7) % 5)) & 255);
    const bytes = await sharp(rgb, { raw: { width: 50, height: 40, channels: 3 } })
      .png({ adaptiveFiltering: true })
      .toBuffer();
    expect((await decodePngSamples(bytes, 'file')).samples).toEqual(rgb);
  });

  it('names the file in every refusal', async () => {
    const path = join(folder, 'colour.png');
    writeFileSync(path, await encodePng({ data: new Uint8Array(12), height: 2, width: 2 }));
    await expect(readLabelPng(path)).rejects.toThrow(
      `readLabelPng: "${path}": wanted one channel of labels, got RGB with 8 bits.`,
    );
    const good = await encodeLabelPng({ labels: new Uint8Array(100).map((_, i) => i), height: 10, width: 10 });
    for (let cut = 1; cut < good.length; cut += 7) {
      await expect(readLabelPng(good.slice(0, cut))).rejects.toMatchObject({ code: 'bad-format' });
    }
    for (let at = 8; at < good.length; at += 5) {
      const damaged = good.slice();
      damaged[at] = damaged[at]! ^ 0x41;
      await expect(readLabelPng(damaged)).rejects.toMatchObject({ code: 'bad-format' });
    }
    await expect(
      encodeLabelPng({ labels: Uint8Array.of(0, 9), height: 1, width: 2 }, { palette: new Uint8Array(6) }),
    ).rejects.toThrow('labels[1] must be an integer in [0, 1], got 9');
  });
});
