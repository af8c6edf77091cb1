import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

let root: string;
let data: SyntheticDataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-evaluate-'));
  data = await writeSyntheticDataset(join(root, 'scenes'), { count: 3, seed: 2, height: 64, width: 96 });
});

interface Annotation {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: readonly number[];
  readonly segmentation: object;
}

async function resultsFile(change: (results: Record<string, unknown>[]) => unknown): Promise<string> {
  const { annotations } = JSON.parse(await readFile(data.instancesJson, 'utf8')) as { annotations: Annotation[] };
  const results = annotations.map(({ image_id, category_id, bbox, segmentation }) => ({
    image_id,
    category_id,
    bbox,
    segmentation,
    score: 0.5,
  }));
  const path = join(await mkdtemp(join(root, 'results-')), 'coco_instances_results.json');
  await writeFile(path, JSON.stringify(change(results)));
  return path;
}

describe('u2seg evaluate', () => {
  it('gives the ground truth itself every point, whatever the matching', async () => {
    const { code, stdout, stderr } = await u2seg([
      'evaluate',
      '--gt',
      data.panopticJson,
      '--pred',
      data.panopticJson,
      '--json',
    ]);
    expect(code, stderr).toBe(0);
    const { report } = JSON.parse(stdout) as {
      report: { results: { panoptic: { all: { pq: number } }; semantic: { pixelAccuracy: number } }[] };
    };
    expect(report.results).toHaveLength(3);
    for (const { panoptic, semantic } of report.results) {
      expect(panoptic.all.pq).toBeCloseTo(1, 12);
      expect(semantic.pixelAccuracy).toBeCloseTo(1, 12);
    }
  });

  it('gives the true instances AP 1, boxes and masks, and prints a table', async () => {
    const pred = await resultsFile((results) => results);
    const { stdout } = await u2seg(['evaluate', '--gt', data.instancesJson, '--pred', pred, '--json']);
    const scores = JSON.parse(stdout) as Record<
      'classAware' | 'classAgnostic',
      Record<'bbox' | 'segm', { ap: number }>
    >;
    for (const kind of ['classAware', 'classAgnostic'] as const) {
      expect(scores[kind].bbox.ap).toBeCloseTo(1, 12);
      expect(scores[kind].segm.ap).toBeCloseTo(1, 12);
    }
    const text = await u2seg(['evaluate', '--gt', data.instancesJson, '--pred', pred]);
    expect(text.stdout).toMatch(/class-agnostic segm\s*│\s*100\.00/u);
  });

  it.each([
    [
      'NaN for a score',
      (results: Record<string, unknown>[]) => [{ ...results[0], score: null }],
      /coco_instances_results\.json.*score/u,
    ],
    ['an unknown image', (results: Record<string, unknown>[]) => [{ ...results[0], image_id: 99 }], /image_id.*99/u],
    [
      'an unknown category',
      (results: Record<string, unknown>[]) => [results[0], { ...results[0], category_id: 77 }],
      /category_id.*77/u,
    ],
    [
      'a mask of another size',
      (results: Record<string, unknown>[]) => [{ ...results[0], segmentation: { size: [9, 9], counts: 'a9' } }],
      /segmentation/u,
    ],
    ['no list', () => ({ results: [] }), /coco_instances_results\.json/u],
  ])('names file and field of %s', async (_, change, sentence) => {
    const pred = await resultsFile(change as (results: Record<string, unknown>[]) => unknown);
    const { code, stderr } = await u2seg([
      'evaluate',
      '--gt',
      data.instancesJson,
      '--pred',
      pred,
      '--format',
      'coco-results',
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
  });

  it('says which image a prediction lacks, and which file is not there', async () => {
    const whole = JSON.parse(await readFile(data.panopticJson, 'utf8')) as { annotations: object[] };
    const short = join(data.panopticFolder, '..', 'short.json');
    await writeFile(short, JSON.stringify({ ...whole, annotations: whole.annotations.slice(1) }));
    const lacking = await u2seg(['evaluate', '--gt', data.panopticJson, '--pred', short]);
    expect(lacking.code).toBe(1);
    expect(lacking.stderr).toMatch(/no annotation for image 000000000001\.jpg/u);
    const absent = await u2seg(['evaluate', '--gt', data.panopticJson, '--pred', join(root, 'no.json')]);
    expect(absent).toMatchObject({ code: 1 });
    expect(absent.stderr).toContain('no.json');
  });

  it('compares panoptic maps on worker threads with the same result, and the same complaints', async () => {
    const many = await writeSyntheticDataset(join(root, 'many'), { count: 33, seed: 3, height: 32, width: 40 });
    const run = (threads: string, protocol: string) =>
      u2seg(
        ['evaluate', '--gt', many.panopticJson, '--pred', many.panopticJson, '--json', '--worst', '3'].concat([
          '--threads',
          threads,
          '--protocol',
          protocol,
        ]),
      );
    for (const protocol of ['classes', 'majority-vote']) {
      const alone = await run('0', protocol);
      expect(alone.code, alone.stderr).toBe(0);
      expect(await run('2', protocol)).toEqual(alone);
    }
    await writeFile(join(many.panopticFolder, '000000000020.png'), 'no PNG');
    for (const threads of ['0', '2']) {
      const { code, stdout } = await run(threads, 'classes');
      expect(code).toBe(1);
      expect(stdout).toMatch(/000000000020\.png.*is not a PNG file/u);
    }
  });
});
