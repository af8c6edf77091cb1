import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openCocoInstances, openCocoPanoptic, openLabelWriter, readLabelPng, readPanopticPng } from '../src/index.ts';

const categories = [
  { id: 1, name: 'thing 0', isThing: true },
  { id: 2, name: 'stuff 0', isThing: false },
  { id: 3, name: 'stuff 1', isThing: false },
];
/** Two things over two kinds of stuff and a void pixel. */
const ids = Uint32Array.of(1, 1, 2, 3, 3, 4, 4, 0);
const segments = [
  { id: 1, categoryId: 1, isThing: true, score: 0.5 },
  { id: 2, categoryId: 1, isThing: true },
  { id: 3, categoryId: 2, isThing: false },
  { id: 4, categoryId: 3, isThing: false },
];
const image = { id: 7, fileName: 'sub folder/a.jpg', height: 2, width: 4 };

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'u2seg-labels-')), 'labels');
});

describe('openLabelWriter', () => {
  it('writes what our own readers read back', async () => {
    const writer = await openLabelWriter({ folder, categories, info: { description: 'test' } });
    await writer.write(image, { ids, segments });
    const written = await writer.finish();
    expect(written.images).toBe(1);
    expect((await readdir(folder)).sort()).toEqual(['instances.json', 'panoptic', 'panoptic.json', 'semantic']);
    const panoptic = await openCocoPanoptic({
      name: 'x',
      split: 'y',
      annotations: written.panopticJson,
      panopticFolder: written.panopticFolder,
      imageFolder: '/photos',
    });
    const sample = await panoptic.load(panoptic.images[0]!);
    expect(sample.segments.map(({ categoryId, isThing, area }) => [categoryId, isThing, area])).toEqual([
      [1, true, 2],
      [1, true, 1],
      [2, false, 2],
      [3, false, 2],
    ]);
    expect((await readPanopticPng(join(written.panopticFolder, 'sub folder/a.png'))).ids).toEqual(ids);
    expect([...(await readLabelPng(join(written.semanticFolder, 'sub folder/a.png'))).labels]).toEqual([
      0, 0, 0, 1, 1, 2, 2, 255,
    ]);
    const instances = await openCocoInstances({
      name: 'x',
      split: 'y',
      annotations: written.instancesJson,
      imageFolder: '/photos',
    });
    const things = await instances.load(instances.images[0]!);
    expect(things.segments.map(({ bboxXywh }) => bboxXywh)).toEqual([
      [0, 0, 2, 1],
      [2, 0, 1, 1],
    ]);
    const json = JSON.parse(await readFile(written.instancesJson, 'utf8')) as { annotations: { score?: number }[] };
    expect(json.annotations.map(({ score }) => score)).toEqual([0.5, undefined]);
  });

  it('keeps photos with one stem apart, and writes photos without segments', async () => {
    const writer = await openLabelWriter({ folder, categories });
    const empty = { ids: new Uint32Array(8), segments: [] };
    await writer.write({ ...image, id: 1, fileName: 'a.jpg' }, empty);
    await writer.write({ ...image, id: 2, fileName: 'a.tif' }, empty);
    const { panopticFolder } = await writer.finish();
    expect((await readdir(panopticFolder)).sort()).toEqual(['a.png', 'a.tif.png']);
  });

  it('leaves no JSON behind when it is never finished', async () => {
    const writer = await openLabelWriter({ folder, categories });
    await writer.write(image, { ids, segments });
    expect((await readdir(folder)).filter((name) => name.endsWith('.json'))).toEqual([]);
  });

  it('refuses labels that do not fit together, naming photo and segment', async () => {
    const writer = await openLabelWriter({ folder, categories });
    const label = (change: object[]): { ids: Uint32Array; segments: typeof segments } => ({
      ids,
      segments: change as typeof segments,
    });
    await expect(writer.write(image, label(segments.slice(1)))).rejects.toThrow(
      /sub folder\/a\.jpg: segment 1 of the map is not listed/u,
    );
    await expect(
      writer.write({ ...image, id: 8 }, label([...segments, { id: 9, categoryId: 1, isThing: true }])),
    ).rejects.toThrow(/segment 9 has no pixel/u);
    await expect(writer.write({ ...image, id: 9 }, label([...segments, segments[0]!]))).rejects.toThrow(
      /segment 1 is listed twice/u,
    );
    await expect(
      writer.write({ ...image, id: 10 }, label([{ ...segments[0]!, categoryId: 2 }, ...segments.slice(1)])),
    ).rejects.toThrow(/thing category, got 2/u);
    await expect(writer.write({ ...image, id: 11 }, { ids: ids.slice(1), segments })).rejects.toThrow(/\[2, 4\]/u);
    await expect(openLabelWriter({ folder, categories: [...categories, categories[0]!] })).rejects.toThrow(
      /category 1 occurs twice/u,
    );
  });

  const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
  const peer = spawnSync(python, ['-c', 'import pycocotools, numpy, PIL']).status === 0;
  it.skipIf(!peer)('writes what pycocotools and numpy read (where U2SEG_PEER_PYTHON or python3 has them)', async () => {
    const writer = await openLabelWriter({ folder, categories });
    await writer.write(image, { ids, segments });
    const { panopticJson, panopticFolder, instancesJson } = await writer.finish();
    // panopticapi's own checks: every id of the PNG is listed with its area, and nothing else is
    const script = `
import json, sys, numpy as np
from PIL import Image
from pycocotools.coco import COCO
coco = COCO(sys.argv[3])
masks = [coco.annToMask(a).sum() for a in coco.loadAnns(coco.getAnnIds())]
record = json.load(open(sys.argv[1]))['annotations'][0]
rgb = np.array(Image.open(sys.argv[2] + '/' + record['file_name']), dtype=np.uint32)
ids, counts = np.unique(rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2], return_counts=True)
listed = {s['id']: s['area'] for s in record['segments_info']}
print(json.dumps([[int(m) for m in masks], {int(i): int(c) for i, c in zip(ids, counts) if i} == listed]))
`;
    const { stdout, stderr } = spawnSync(python, ['-c', script, panopticJson, panopticFolder, instancesJson], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual([[2, 1], true]);
  });
});
