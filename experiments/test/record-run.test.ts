import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMask, rleToString } from '@u2seg/core';
import { decodeImage, writeSyntheticDataset } from '@u2seg/datasets';
import { PartitionedTable, proposalsTable } from '@u2seg/interchange';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condenseCurve, curveSvg } from '../src/loss-curve.ts';
import { drawOver, pictureSheet } from '../src/picture-sheet.ts';
import { recordRun } from '../src/record-run.ts';

const point = (iteration: number, total: number): Parameters<typeof condenseCurve>[0][number] => ({
  iteration,
  lr: 0.1 / iteration,
  total,
  losses: { loss_mask: total / 2, loss_sem_seg: total / 2 },
});

describe('condenseCurve', () => {
  it('takes means over stretches, worked by hand', () => {
    const points = [8, 4, 2, 2, 1].map((total, i) => point(i + 1, total));
    expect(condenseCurve(points, 2)).toEqual([
      { iteration: 2, lr: 0.05, total: 6, losses: { loss_mask: 3, loss_sem_seg: 3 } },
      { iteration: 5, lr: 0.02, total: 1.6667, losses: { loss_mask: 0.83333, loss_sem_seg: 0.83333 } },
    ]);
    expect(condenseCurve(points, 9).map(({ total }) => total)).toEqual([8, 4, 2, 2, 1]);
    expect(condenseCurve([])).toEqual([]);
  });
});

describe('curveSvg', () => {
  it('draws the sum and every kind of loss there is, a chart a curve', () => {
    const stretches = condenseCurve([10, 1].map((total, i) => point(i + 1, total)));
    const svg = curveSvg([
      { name: 'training', stretches },
      { name: 'round 1', stretches },
      { name: 'round 2', stretches: [] },
    ]);
    expect(svg.match(/<g /gu)).toHaveLength(2);
    expect(svg).toContain('training: loss over 2 steps');
    for (const label of ['sum 1.00', 'masks 0.500', 'semantic 0.500']) expect(svg).toContain(label);
    expect(svg).not.toContain('boxes');
    expect(svg).not.toMatch(/NaN|Infinity/u);
  });
});

describe('pictureSheet', () => {
  const image = { data: new Uint8Array(40 * 60 * 3).fill(100), height: 40, width: 60 };
  const mask = encodeMask({ data: new Uint8Array(40 * 60).fill(1, 0, 20 * 60), height: 40, width: 60 });

  it('tints what is in a mask and leaves the rest', () => {
    const drawn = drawOver(image, [{ mask, id: 0, isThing: true }]);
    expect(drawn.data.subarray(30 * 60 * 3)).toEqual(image.data.subarray(30 * 60 * 3));
    // #e69f00 over grey 100, half and half
    const inside = (10 * 60 + 30) * 3;
    expect([...drawn.data.subarray(inside, inside + 3)]).toEqual([165, 130, 50]);
  });

  it('lowers the quality until the file fits', async () => {
    const noisy = { ...image, data: image.data.map((_, i) => (i * 7919) % 256) };
    const rows = [{ image: noisy, columns: [[], []] }];
    const [large, small] = [await pictureSheet(rows), await pictureSheet(rows, { maxBytes: 20_000 })];
    expect(small.length).toBeLessThan(large.length);
  });
});

describe('recordRun', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-record-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('writes curve, pictures and credits of a run, of free photos only', async () => {
    const data = await writeSyntheticDataset(join(folder, 'scenes'), { count: 3, height: 48, width: 64, seed: 0 });
    const gt = JSON.parse(await readFile(data.panopticJson, 'utf8')) as { images: Record<string, unknown>[] };
    const licenses = [
      { id: 1, name: 'Not free', url: 'https://a' },
      { id: 4, name: 'Attribution License', url: 'https://b' },
    ];
    const images = gt.images.map((one, i) => ({ ...one, license: i === 1 ? 1 : 4, flickr_url: `https://photo/${i}` }));
    await writeFile(data.panopticJson, JSON.stringify({ ...gt, licenses, images }));

    const run = join(folder, 'run');
    for (const kind of ['labels', 'predictions']) {
      await mkdir(join(run, kind), { recursive: true });
      await cp(data.panopticJson, join(run, kind, 'panoptic.json'));
      await symlink(data.panopticFolder, join(run, kind, 'panoptic'));
    }
    await writeFile(join(run, 'run.json'), JSON.stringify({ photos: data.imageFolder }));
    await writeFile(join(run, 'summary.json'), JSON.stringify({ code: {}, seed: 0, dataHash: 'x' }));
    const inputsHash = 'abcdef0123456789';
    const train = join(run, 'stages', 'train', inputsHash.slice(0, 12));
    await mkdir(train, { recursive: true });
    await writeFile(join(run, 'stages', 'train', 'stage.json'), JSON.stringify({ inputsHash }));
    await writeFile(join(train, 'curve.jsonl'), [4, 2].map((t, i) => `${JSON.stringify(point(i + 1, t))}\n`).join(''));
    const table = new PartitionedTable(join(run, 'stages', 'propose', 'proposals'), proposalsTable, inputsHash);
    const mask = encodeMask({ data: new Uint8Array(48 * 64).fill(1, 0, 600), height: 48, width: 64 });
    await table.write(0, [
      {
        image_id: String(gt.images[0]!['file_name']),
        proposal_id: 0,
        mask_height: 48,
        mask_width: 64,
        mask_rle: rleToString(mask),
        bbox_xywh: Float32Array.of(0, 0, 64, 10),
        area_px: 600,
        score: 0.5,
      },
    ]);
    await table.finish(1);

    const out = join(folder, 'out');
    await mkdir(out);
    await recordRun(run, data.panopticJson, out);
    const curve = JSON.parse(await readFile(join(out, 'curve.json'), 'utf8')) as { curves: { stretches: unknown[] }[] };
    expect(curve.curves[0]!.stretches).toHaveLength(2);
    expect(await readFile(join(out, 'curve.svg'), 'utf8')).toContain('<svg');
    const credits = await readFile(join(out, 'pictures.md'), 'utf8');
    expect(credits).toContain('https://photo/0');
    expect(credits).not.toContain('https://photo/1');
    // two photos of 200 x 150 with five columns
    expect(await decodeImage(join(out, 'pictures.jpg'))).toMatchObject({ height: 304, width: 1016 });
  });
});
