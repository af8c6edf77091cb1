/** What we write against what the readers of others demand: panopticapi, pycocotools, detectron2. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateScene, openLabelWriter, readLabelPng, readPanopticPng, type WrittenLabels } from '../src/index.ts';

interface Category {
  readonly id: number;
  readonly name: string;
  readonly isthing?: 0 | 1;
  readonly color?: readonly number[];
}
interface SegmentInfo {
  readonly id: number;
  readonly category_id: number;
  readonly area: number;
  readonly bbox: readonly number[];
  readonly iscrowd: number;
}
interface Panoptic {
  readonly images: readonly { id: number; file_name: string; height: number; width: number }[];
  readonly annotations: readonly { image_id: number; file_name: string; segments_info: readonly SegmentInfo[] }[];
  readonly categories: readonly Category[];
}
interface Instances extends Pick<Panoptic, 'images' | 'categories'> {
  readonly annotations: readonly (SegmentInfo & {
    image_id: number;
    segmentation: { size: readonly number[]; counts: string };
    score?: number;
  })[];
}

const things = 8;
const categories = [
  ...Array.from({ length: things }, (_, c) => ({ id: c + 1, name: `thing ${c}`, isThing: true, color: '#0072b2' })),
  ...Array.from({ length: 6 }, (_, c) => ({
    id: things + c + 1,
    name: `stuff ${c}`,
    isThing: false,
    color: '#117733',
  })),
];

let written: WrittenLabels;
let panoptic: Panoptic;
let instances: Instances;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'u2seg-interop-'));
  const writer = await openLabelWriter({ folder, categories });
  for (let i = 0; i < 4; i += 1) {
    const { panoptic: map, segments } = generateScene(i, { height: 48, width: 64 });
    const image = { id: i + 1, fileName: `scene ${i}.jpg`, height: 48, width: 64 };
    // the last photo has nothing on it
    if (i === 3) await writer.write(image, { ids: new Uint32Array(48 * 64), segments: [] });
    else
      await writer.write(image, {
        ids: map.ids,
        segments: segments.map(({ id, isThing }, s) => ({
          id,
          isThing,
          categoryId: isThing ? 1 + (s % things) : things + 1 + (s % 6),
          ...(isThing ? { score: 0.5 } : {}),
        })),
      });
  }
  written = await writer.finish();
  panoptic = JSON.parse(await readFile(written.panopticJson, 'utf8')) as Panoptic;
  instances = JSON.parse(await readFile(written.instancesJson, 'utf8')) as Instances;
});

describe('written labels', () => {
  it('pass the checks of panopticapi’s evaluation, on both sides of it', async () => {
    const known = new Map(panoptic.categories.map((category) => [category.id, category]));
    expect(panoptic.annotations.map(({ image_id }) => image_id)).toEqual(panoptic.images.map(({ id }) => id));
    for (const { file_name: name, segments_info: segments } of panoptic.annotations) {
      const { ids } = await readPanopticPng(join(written.panopticFolder, name));
      const areas = new Map<number, number>();
      for (const id of ids) if (id !== 0) areas.set(id, (areas.get(id) ?? 0) + 1);
      // no pixel of an unlisted segment, no listed segment without a pixel, areas as counted
      expect(new Map(segments.map(({ id, area }) => [id, area]))).toEqual(areas);
      for (const { category_id: category, iscrowd, bbox } of segments) {
        expect([known.get(category)?.isthing, iscrowd, bbox.length]).toEqual([category <= things ? 1 : 0, 0, 4]);
      }
    }
    // its converters take colours for granted
    for (const { name, color } of panoptic.categories) {
      expect(color).toEqual(name.startsWith('thing') ? [0, 0x72, 0xb2] : [0x11, 0x77, 0x33]);
    }
    // PNGs in the folder named like the JSON, as it looks for them
    expect(parse(written.panopticJson).name).toBe(parse(written.panopticFolder).base);
  });

  it('lie where detectron2’s loaders of panoptic, instance and semantic labels look', async () => {
    // load_coco_panoptic_json: the photo is the PNG's name with .jpg, the semantic label has the PNG's name
    const photos = new Set(panoptic.images.map(({ file_name: name }) => name));
    for (const { file_name: name } of panoptic.annotations) expect(photos).toContain(`${parse(name).name}.jpg`);
    expect((await readdir(written.semanticFolder)).sort()).toEqual((await readdir(written.panopticFolder)).sort());
    // load_coco_json: ids unique over the file, categories contiguous from 1, boxes [x, y, w, h], masks as run lengths
    expect(instances.images).toEqual(panoptic.images);
    expect(instances.categories.map(({ id }) => id)).toEqual(Array.from({ length: things }, (_, c) => c + 1));
    const ids = instances.annotations.map(({ id }) => id);
    expect([ids.length > 1, new Set(ids).size, ids.includes(0)]).toEqual([true, ids.length, false]);
    for (const { bbox, segmentation, iscrowd } of instances.annotations) {
      expect([bbox.length, segmentation.size, iscrowd]).toEqual([4, [48, 64], 0]);
    }
    // prepare_panoptic_fpn: 0 things, 1... stuff, 255 void
    for (const { file_name: name, segments_info: segments } of panoptic.annotations) {
      const { labels } = await readLabelPng(join(written.semanticFolder, name));
      const { ids: map } = await readPanopticPng(join(written.panopticFolder, name));
      const value = new Map(
        segments.map(({ id, category_id: category }) => [id, category <= things ? 0 : category - things]),
      );
      expect([...labels]).toEqual([...map].map((id) => value.get(id) ?? 255));
    }
  });

  const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
  const hasPanopticApi = spawnSync(python, ['-c', 'import panopticapi, pycocotools']).status === 0;
  it.skipIf(!hasPanopticApi)(
    'score 1 against themselves in panopticapi, and give pycocotools the areas they say (needs both in U2SEG_PEER_PYTHON)',
    () => {
      const script = `
import json, sys
from panopticapi.evaluation import pq_compute
from pycocotools.coco import COCO
panoptic, folder, instances = sys.argv[1:]
result = pq_compute(panoptic, panoptic, folder, folder)
coco = COCO(instances)
areas = all(int(coco.annToMask(a).sum()) == a['area'] for a in coco.loadAnns(coco.getAnnIds()))
print(json.dumps([[float(result[k][m]) for k in ('All', 'Things', 'Stuff') for m in ('pq', 'sq', 'rq')], areas]))
`;
      const { stdout, stderr, status } = spawnSync(
        python,
        ['-c', script, written.panopticJson, written.panopticFolder, written.instancesJson],
        { encoding: 'utf8' },
      );
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual([Array.from({ length: 9 }, () => 1), true]);
    },
  );
});
