import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeLabelPng, writeLabelPng, writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

let root: string;
let data: SyntheticDataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-evaluate-clusters-'));
  data = await writeSyntheticDataset(join(root, 'scenes'), { count: 4, seed: 3, height: 64, width: 96 });
});

async function json(path: string): Promise<Record<string, never>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, never>;
}

/** Two folders of label PNGs: clusters are the classes renumbered. */
async function semanticFolders(name: string): Promise<{ gt: string; pred: string }> {
  const [gt, pred] = [join(root, name, 'gt'), join(root, name, 'pred')];
  await mkdir(gt, { recursive: true });
  await mkdir(pred, { recursive: true });
  const truth = Uint8Array.of(0, 0, 1, 1, 2, 255);
  await writeLabelPng(join(gt, 'a.png'), { labels: truth, height: 2, width: 3 });
  await writeLabelPng(join(gt, 'b.png'), { labels: truth, height: 2, width: 3 });
  await writeLabelPng(join(pred, 'a.png'), { labels: Uint8Array.of(2, 2, 0, 0, 1, 1), height: 2, width: 3 });
  await writeLabelPng(join(pred, 'b.png'), { labels: Uint8Array.of(2, 2, 0, 2, 1, 1), height: 2, width: 3 });
  return { gt, pred };
}

interface SemanticJson {
  readonly results: {
    readonly protocol: string;
    readonly fittedOnScoredData: boolean;
    readonly semantic: { readonly miou: number; readonly pixelAccuracy: number };
    readonly worst: { readonly name: string }[];
  }[];
}

describe('u2seg evaluate, label PNGs', () => {
  it('matches clusters to classes, lists the worst, and writes what it printed', async () => {
    const { gt, pred } = await semanticFolders('plain');
    const out = join(root, 'semantic.json');
    const { code, stdout, stderr } = await u2seg([
      'evaluate',
      '--gt',
      gt,
      '--pred',
      pred,
      '--classes',
      '3',
      '--per-class',
      '--worst',
      '1',
      '--out',
      out,
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/fitted\s+on\s+the\s+very\s+data\s+scored/u);
    expect(stdout).toMatch(/Per class/u);
    const { results } = (await json(out)) as unknown as SemanticJson;
    expect(results.map(({ protocol }) => protocol)).toEqual([
      'majority-vote',
      'hungarian-one-to-one',
      'hungarian-many-to-one',
    ]);
    expect(results[1]!.semantic.pixelAccuracy).toBeCloseTo(0.9, 12);
    expect(results[1]!.worst).toMatchObject([{ name: 'b' }]);
  });

  it('fits a mapping on one split and applies it to another', async () => {
    const train = await semanticFolders('train');
    const val = await semanticFolders('val');
    const mapping = join(root, 'mapping.json');
    const common = ['--classes', '3', '--json'];
    const fitted = await u2seg(
      ['evaluate', '--gt', train.gt, '--pred', train.pred, '--protocol', 'hungarian-one-to-one'].concat(
        ['--save-mapping', mapping],
        common,
      ),
    );
    expect(fitted.code, fitted.stderr).toBe(0);
    // Another ground truth, so that the mapping is of other data.
    await writeLabelPng(join(val.gt, 'b.png'), { labels: Uint8Array.of(0, 0, 1, 0, 2, 2), height: 2, width: 3 });
    const applied = await u2seg(['evaluate', '--gt', val.gt, '--pred', val.pred, '--mapping', mapping, ...common]);
    const { results } = JSON.parse(applied.stdout) as SemanticJson;
    expect(results).toMatchObject([{ protocol: 'hungarian-one-to-one', fittedOnScoredData: false }]);
    expect(results[0]!.semantic.pixelAccuracy).toBe(1);
  });

  it('takes labels for classes when told to', async () => {
    const { gt } = await semanticFolders('classes');
    const args = ['evaluate', '--gt', gt, '--pred', gt, '--classes', '3', '--protocol', 'classes', '--json'];
    // Label 255 is no class a prediction can have.
    expect((await u2seg(args)).code).toBe(1);
    const { code, stdout } = await u2seg(args.with(4, (await semanticFolders('own')).pred));
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { semantic: { miou: number } }).semantic.miou).toBeLessThan(0.5);
  });

  it('names what is wrong: classes, missing predictions, sizes, colours, 16 bits', async () => {
    const { gt, pred } = await semanticFolders('wrong');
    const run = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await u2seg(['evaluate', '--gt', gt, '--pred', pred, ...args]);
      expect(code).toBeGreaterThan(0);
      return stderr;
    };
    expect(await run()).toMatch(/give --classes/u);
    expect(await run('--classes', 'voc-21')).toMatch(/nearest is voc-20/u);
    expect(await run('--classes', '2')).toMatch(/a: ground-truth label must be/u);
    expect(await run('--classes', '3', '--errors')).toMatch(/COCO results/u);
    expect(await run('--classes', '3', '--save-mapping', 'm.json')).toMatch(/wants one matching/u);
    await writeFile(
      join(pred, 'b.png'),
      await encodeLabelPng({ labels: Uint16Array.of(300, 0, 0, 0, 0, 0), height: 2, width: 3 }),
    );
    expect(await run('--classes', '3')).toMatch(/b\.png: pixel 0 has label 300/u);
    await writeLabelPng(join(pred, 'b.png'), { labels: Uint8Array.of(0), height: 1, width: 1 });
    expect(await run('--classes', '3')).toMatch(/b\.png: has 1 x 1 pixels, its ground truth .* 3 x 2/u);
    await writeFile(join(pred, 'b.png'), await readFile(join(data.panopticFolder, '000000000001.png')));
    expect(await run('--classes', '3')).toMatch(/b\.png.*wanted one channel/u);
    await writeLabelPng(join(gt, 'c.png'), { labels: Uint8Array.of(0), height: 1, width: 1 });
    expect(await run('--classes', '3')).toMatch(/no prediction for c of/u);
  });
});

interface Annotation {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: readonly number[];
  readonly segmentation: object;
}

describe('u2seg evaluate, results', () => {
  async function results(change: (category: number, i: number) => object): Promise<string> {
    const { annotations } = (await json(data.instancesJson)) as unknown as { annotations: Annotation[] };
    const path = join(await mkdtemp(join(root, 'results-')), 'coco_instances_results.json');
    const rows = annotations.map(({ image_id, category_id, bbox, segmentation }, i) => ({
      image_id,
      bbox,
      segmentation,
      score: 0.9,
      ...change(category_id, i),
    }));
    await writeFile(path, JSON.stringify(rows));
    return path;
  }

  it('names clusters by votes and scores them class by class, boxes and masks', async () => {
    const pred = await results((category) => ({ category_id: 2 * category }));
    const args = ['evaluate', '--gt', data.instancesJson, '--pred', pred, '--protocol', 'majority-vote'];
    const { code, stdout, stderr } = await u2seg([...args, '--json']);
    expect(code, stderr).toBe(0);
    const { clustered } = JSON.parse(stdout) as {
      clustered: { bbox: { ap: number }; segm: { ap: number }; matchedClusters: number }[];
    };
    expect(clustered[0]!.bbox.ap).toBeCloseTo(1, 12);
    expect(clustered[0]!.segm.ap).toBeCloseTo(1, 12);
    // No detection is sure enough to vote: nothing is named, nothing scored.
    const unsure = await u2seg([...args, '--vote-min-score', '0.95']);
    expect(unsure.stdout).toMatch(/minScore|score >= 0\.95/u);
    expect(unsure.stdout).toMatch(/0 of \d+/u);
  });

  it('says per class, per photo and per kind of error where points are lost, and what scores mean', async () => {
    const pred = await results((category, i) => ({
      category_id: category,
      ...(i === 0 ? { bbox: [0, 0, 2, 2] } : {}),
    }));
    const all = ['--per-class', '--worst', '2', '--errors', '--calibration'];
    const { stdout } = await u2seg(['evaluate', '--gt', data.instancesJson, '--pred', pred, ...all]);
    for (const title of ['Per class: bbox', 'Worst photos: boxes', 'Errors: boxes', 'Calibration: boxes'])
      expect(stdout).toContain(title);
    const machine = await u2seg(['evaluate', '--gt', data.instancesJson, '--pred', pred, ...all, '--json']);
    const { bbox } = JSON.parse(machine.stdout) as {
      bbox: { worst: { f1: number }[]; errors: { errors: Record<string, { count: number }> } };
    };
    expect(bbox.worst).toHaveLength(2);
    const { missed, background, localization } = bbox.errors.errors;
    expect(missed!.count + background!.count + localization!.count).toBeGreaterThan(0);
  });
});

describe('u2seg evaluate, panoptic', () => {
  it('scores categories as given, worst photos and classes', async () => {
    const args = ['evaluate', '--gt', data.panopticJson, '--pred', data.panopticJson];
    const { code, stdout } = await u2seg([...args, '--protocol', 'classes', '--per-class', '--worst', '2', '--json']);
    expect(code).toBe(0);
    const { panoptic, worst } = JSON.parse(stdout) as { panoptic: { all: { pq: number } }; worst: object[] };
    expect(panoptic.all.pq).toBe(1);
    expect(worst).toHaveLength(2);
    const text = await u2seg([...args, '--protocol', 'hungarian-one-to-one', '--per-class', '--worst', '1']);
    expect(text.stdout).toMatch(/Worst photos: hungarian-one-to-one/u);
  });

  it.each([
    ['a segment listed twice', (a: Panoptic) => a.segments_info.push(a.segments_info[0]!), /segment/u],
    [
      'a listed segment without pixels',
      (a: Panoptic) => a.segments_info.push({ ...a.segments_info[0]!, id: 99_999 }),
      /99999/u,
    ],
    ['pixels of a segment that is not listed', (a: Panoptic) => a.segments_info.pop(), /segment/u],
    ['an unknown category', (a: Panoptic) => (a.segments_info[0]!.category_id = 4711), /4711/u],
  ])('names file and record of %s', async (_, change, sentence) => {
    const whole = (await json(data.panopticJson)) as unknown as { annotations: Panoptic[] };
    change(whole.annotations[1]!);
    // Beside the true one, so that its PNG folder is found by the same name.
    const folder = await mkdtemp(join(root, 'panoptic-'));
    await writeFile(join(folder, 'panoptic.json'), JSON.stringify(whole));
    await mkdir(join(folder, 'panoptic'));
    for (const { file_name } of whole.annotations)
      await writeFile(join(folder, 'panoptic', file_name), await readFile(join(data.panopticFolder, file_name)));
    const { code, stderr } = await u2seg([
      'evaluate',
      '--gt',
      data.panopticJson,
      '--pred',
      join(folder, 'panoptic.json'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
    expect(stderr).toMatch(/000000000002|panoptic\.json/u);
  });
});

interface Panoptic {
  readonly file_name: string;
  readonly segments_info: { id: number; category_id: number }[];
}
