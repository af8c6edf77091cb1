/** Dialects of COCO files that other tools write: what is scored, and the sentence that says what was tolerated. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluateResults } from '@u2seg/pipeline';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

const cases = fileURLToPath(new URL('./annotation-cases', import.meta.url));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-dialects-'));
});

/** What `JSON.parse` gives: anything. */
type Parsed = ReturnType<typeof JSON.parse>;
type Change = (document: Parsed) => unknown;

async function changed(name: string, change: Change = () => undefined): Promise<string> {
  const document: Parsed = JSON.parse(await readFile(join(cases, name), 'utf8'));
  const path = join(await mkdtemp(join(root, 'case-')), name);
  await writeFile(path, JSON.stringify(change(document) ?? document));
  return path;
}

interface Scores {
  readonly format: string;
  readonly classAware?: Record<string, { readonly ap: number | null; readonly apSmall: number }>;
  readonly classAgnostic: Record<string, { readonly ap: number | null }>;
  readonly panoptic?: { readonly all: { readonly pq: number } };
  readonly notes?: readonly string[];
}

async function evaluate(gt: string, pred: string, ...more: readonly string[]): Promise<Scores> {
  const { code, stdout, stderr } = await u2seg(['evaluate', '--gt', gt, '--pred', pred, '--json', ...more]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Scores;
}

const percent = (value: number | null | undefined): string =>
  value === undefined ? 'none' : value === null ? '-' : (100 * value).toFixed(2);

const each =
  (change: (annotation: Parsed) => void): Change =>
  (document) =>
    void document.annotations.forEach(change);
const images =
  (change: (image: Parsed) => void): Change =>
  (document) =>
    void document.images.forEach(change);
const fifth =
  (segmentation: unknown): Change =>
  ({ annotations }) =>
    void (annotations[4].segmentation = segmentation);
const fourth =
  (segmentation: unknown): Change =>
  (results) =>
    void (results[3].segmentation = segmentation);
const same: Change = () => undefined;

const lackingFifth = /gt_full\.json: 1 of 15 annotations without a mask, left out where masks are scored: id 5\.$/u;
const lackingFourth = /dt_masks\.json: 1 of 15 detections without a mask, left out where masks are scored: \[3\]\.$/u;
const unsized = /5 of 5 images state no size/u;
const [line, square] = [
  [10, 10, 30, 30],
  [0, 0, 20, 0, 20, 20],
];

describe('COCO instances and results', () => {
  // box AP is 72.52 in all of them; pycocotools 2.0.11 gives it, 54.31 and 47.90
  it.each<[string, Change, Change, string, RegExp | undefined]>([
    ['as they should be', same, same, '54.31', undefined],
    ['flags as true and false', each((a) => (a.iscrowd = false)), same, '54.31', undefined],
    ['no iscrowd', each((a) => delete a.iscrowd), same, '54.31', undefined],
    ['no area', each((a) => delete a.area), same, '54.31', /15 of 15 annotations state no area/u],
    [
      'null for an area',
      ({ annotations }) => void (annotations[2].area = null),
      same,
      '54.31',
      /1 of 15 annotations state/u,
    ],
    ['no sizes', images((one) => (delete one.width, delete one.height)), same, '54.31', unsized],
    ['sizes of -1', images((one) => (one.width = one.height = -1)), same, '54.31', unsized],
    ['sizes of 0', images((one) => (one.width = one.height = 0)), same, '54.31', unsized],
    ['null for a height', images((one) => (one.height = null)), same, '54.31', unsized],
    ['an empty mask', same, fourth({ size: [120, 160], counts: 'Phb0' }), '47.90', undefined],
    ['a detection without mask: []', same, fourth([]), '49.87', lackingFourth],
    ['a detection without mask: null', same, fourth(null), '49.87', lackingFourth],
    ['a detection without mask: nothing', same, fourth(undefined), '49.87', lackingFourth],
    ['a detection without mask: no counts', same, fourth({ size: [120, 160], counts: '' }), '49.87', lackingFourth],
    ['detections without masks', same, (r) => r.forEach((one: Parsed) => (one.segmentation = null)), 'none', undefined],
    ['no masks', each((a) => delete a.segmentation), same, 'none', /none of 15 annotations has a mask; boxes alone/u],
    ['an instance without mask: null', fifth(null), same, '49.68', lackingFifth],
    ['an instance without mask: []', fifth([]), same, '49.68', lackingFifth],
    ['an instance without mask: [[]]', fifth([[]]), same, '49.68', lackingFifth],
    ['an instance without mask: a line', fifth([line]), same, '49.68', lackingFifth],
    [
      'all crowds',
      each((a) => (a.iscrowd = 1)),
      same,
      '-',
      /15 of 15 annotations are crowds .*Nothing is left to find/u,
    ],
    [
      'some crowds',
      ({ annotations }) => void (annotations[0].iscrowd = annotations[1].iscrowd = 1),
      same,
      '',
      /2 of 15 annotations are crowds/u,
    ],
  ])('%s', async (what, gtChange, dtChange, masks, note) => {
    const scores = await evaluate(await changed('gt_full.json', gtChange), await changed('dt_masks.json', dtChange));
    if (masks !== '') {
      expect(percent(scores.classAware!['bbox']?.ap)).toBe(masks === '-' ? '-' : '72.52');
      expect(percent(scores.classAware!['segm']?.ap)).toBe(masks);
    }
    if (note === undefined) expect(scores.notes).toBeUndefined();
    else expect(scores.notes).toEqual([expect.stringMatching(note)]);
  });

  it('scores masks as if a detection without one were not there, whichever it is', async () => {
    const gt = await changed('gt_full.json');
    for (const i of [0, 6, 14]) {
      const without = await evaluate(gt, await changed('dt_masks.json', (results) => results.toSpliced(i, 1)));
      const lacking = await evaluate(
        gt,
        await changed('dt_masks.json', (results) => void (results[i].segmentation = null)),
      );
      expect(lacking.classAware!['segm']).toEqual(without.classAware!['segm']);
      expect(percent(lacking.classAware!['bbox']!.ap)).toBe('72.52');
      expect(lacking.notes).toEqual([expect.stringContaining(`masks are scored: [${i}].`)]);
    }
  });

  it('takes the area of the mask where none is stated, and the box without a mask', async () => {
    const areas = (change: (a: Parsed) => void) =>
      changed(
        'gt_full.json',
        each((a) => (change(a), delete a.area)),
      );
    const small = async (gt: string): Promise<number> =>
      (await evaluate(gt, await changed('dt_masks.json'))).classAware!['bbox']!.apSmall;
    const stated = await small(await changed('gt_full.json'));
    expect(await small(await areas(() => undefined))).toBe(stated);
    expect(await small(await areas((a) => delete a.segmentation))).toBe(stated);
    expect(await small(await areas((a) => (a.segmentation = { size: [120, 160], counts: [0, 120 * 160] })))).toBeNull();
  });

  it('counts a line beside a polygon for nothing', async () => {
    const dt = await changed('dt_masks.json');
    const polygons = await evaluate(await changed('gt_full.json', fifth([square])), dt);
    expect(await evaluate(await changed('gt_full.json', fifth([line, square, []])), dt)).toMatchObject({
      classAware: polygons.classAware,
    });
  });

  it('matches clusters where some have no mask', async () => {
    const gt = await changed('gt_full.json', fifth(null));
    const { code, stdout, stderr } = await u2seg([
      'evaluate',
      '--gt',
      gt,
      '--pred',
      await changed('dt_masks.json', fourth(null)),
      '--protocol',
      'majority-vote',
      '--json',
    ]);
    expect(code, stderr).toBe(0);
    const { clustered } = JSON.parse(stdout) as { clustered: Record<'bbox' | 'segm', { ap: number }>[] };
    expect([clustered[0]!.bbox.ap, clustered[0]!.segm.ap].map(percent)).toEqual(['72.52', '44.94']);
  });

  const asSet: Change = (results) => ({
    images: [],
    categories: [],
    annotations: results.map((one: Parsed, i: number) => ({ ...one, id: i + 1, iscrowd: 0 })),
  });

  it('scores a COCO set whose annotations have scores, and says so where they have none', async () => {
    const gt = await changed('gt_full.json');
    for (const more of [[], ['--format', 'coco-results']]) {
      const scores = await evaluate(gt, await changed('dt_masks.json', asSet), ...more);
      expect(scores.format).toBe('coco-results');
      expect(['bbox', 'segm'].map((kind) => percent(scores.classAware![kind]?.ap))).toEqual(['72.52', '54.31']);
    }
    const { code, stderr } = await u2seg(['evaluate', '--gt', gt, '--pred', gt]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/gt_full\.json: annotations\[0\] has no score: a COCO set is scored as predictions where/u);
  });

  it('scores detections of one category that the ground truth lacks class-agnostic', async () => {
    const gt = await changed('gt_full.json');
    const cat = (change: (one: Parsed, i: number) => void): Promise<string> =>
      changed('dt_masks.json', (results) => results.forEach(change));
    const pred = await cat((one) => (one.category_id = 0));
    const scores = await evaluate(gt, pred, '--per-class', '--worst', '2', '--errors', '--calibration');
    expect(['bbox', 'segm'].map((kind) => percent(scores.classAgnostic[kind]?.ap))).toEqual(['72.52', '54.31']);
    expect(scores.classAware).toBeUndefined();
    expect(scores.notes).toEqual([
      expect.stringMatching(/all detections have one category, which the ground truth lacks/u),
    ]);
    for (const at of [0, 7]) {
      const mixed = await cat((one, i) => (one.category_id = i === at ? 0 : 1));
      const { code, stderr } = await u2seg(['evaluate', '--gt', gt, '--pred', mixed]);
      expect(code).toBe(1);
      expect(stderr).toContain(`[${at}]: category_id must be one of the ground truth's categories, got 0`);
    }
  });

  it('takes the size of a detection from its mask, or from its box where told so', async () => {
    const [gt, pred] = [join(cases, 'lshape_gt.json'), join(cases, 'lshape_dt.json')];
    const small = async (detectionArea: 'auto' | 'mask' | 'box'): Promise<unknown> =>
      ((await evaluateResults({ gt, pred, detectionArea })).report as unknown as Scores).classAware!['segm']!.apSmall;
    expect(await small('auto')).toBeCloseTo(0.5, 12);
    expect(await small('mask')).toBeCloseTo(0.5, 12);
    expect(await small('box')).toBeCloseTo(1, 12);
    const told = await evaluate(gt, pred, '--detection-area', 'box');
    expect((told.classAware!['segm'] as { apSmall?: number }).apSmall).toBeCloseTo(1, 12);
  });

  it('reads a polygon whose corner is millions of pixels away', async () => {
    const scores = await evaluate(join(cases, 'polygon_far_gt.json'), join(cases, 'polygon_far_dt.json'));
    expect(scores.classAware!['bbox']!.ap).toBeCloseTo(1, 12);
    expect(scores.classAware!['segm']!.ap).toBe(0);
  });
});

describe('COCO panoptic', () => {
  it('takes areas from the map, and says so where the JSON has others', async () => {
    const scores = await evaluate(
      join(cases, 'areas/gt.json'),
      join(cases, 'areas/pred.json'),
      '--protocol',
      'classes',
    );
    expect(percent(scores.panoptic!.all.pq)).toBe('94.46');
    expect(scores.notes).toEqual([
      expect.stringMatching(/gt\.json: 12 of 15 segments state another area than they have/u),
    ]);
    await evaluate(join(cases, 'areas/gt.json'), join(cases, 'areas/pred.json'));
  });

  it('needs neither box nor area, nor sizes of images', async () => {
    const folder = await mkdtemp(join(root, 'bare-'));
    await cp(join(cases, 'areas'), folder, { recursive: true });
    for (const name of ['gt.json', 'pred.json']) {
      const document: Parsed = JSON.parse(await readFile(join(folder, name), 'utf8'));
      for (const { segments_info } of document.annotations) {
        for (const segment of segments_info) segment.bbox = segment.area = undefined;
      }
      document.images.forEach((image: Parsed) => delete image.height);
      await writeFile(join(folder, name), JSON.stringify(document));
    }
    const scores = await evaluate(join(folder, 'gt.json'), join(folder, 'pred.json'), '--protocol', 'classes');
    expect(percent(scores.panoptic!.all.pq)).toBe('94.46');
    expect(scores.notes).toBeUndefined();
  });

  it('reads flags as true and false', async () => {
    const [gt, pred] = ['cityscapes_panoptic_val_int.json', 'predictions_int.json'].map((name) =>
      join(cases, 'flags', name),
    );
    const scores = await evaluate(gt!, pred!, '--protocol', 'classes');
    expect(percent(scores.panoptic!.all.pq)).toBe('63.72');
  });
});
