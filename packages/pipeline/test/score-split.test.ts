import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { experimentMetrics } from '../src/experiments/experiment-metrics.ts';
import { sharedStageKeys, reuseStages } from '../src/run/reuse-stages.ts';
import type { PipelineConfig } from '../src/config/config.ts';
import { fitFolder } from '../src/fit.ts';
import type { FitResult } from '../src/fit-result.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { RunDirectory } from '../src/run/run-directory.ts';
import { scoreSplit } from '../src/score-split.ts';
import { stages } from '../src/stages.ts';

const small = [
  'backbone.size=64',
  'proposals.method=maskcut',
  'proposals.maxMasks=2',
  'clustering.k=3',
  'semantics.clusters=4',
  'semantics.steps=5',
  'semantics.maxGrid=8',
  'train.iterations=0',
  'report.maxPhotos=0',
];

let root: string;
let seen: SyntheticDataset;
let unseen: SyntheticDataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-elsewhere-'));
  const size = { height: 48, width: 64 };
  seen = await writeSyntheticDataset(join(root, 'seen'), { count: 5, seed: 1, ...size });
  unseen = await writeSyntheticDataset(join(root, 'unseen'), { count: 3, seed: 2, ...size });
});

const fit = (
  name: string,
  config: PipelineConfig,
  more: Partial<Parameters<typeof fitFolder>[0]> = {},
): Promise<FitResult> =>
  fitFolder({
    photos: seen.imageFolder,
    out: join(root, name),
    config,
    workers: 1,
    now: () => 0,
    ...more,
  });

describe('the linear probe', () => {
  it('learns from half of the annotated photos and is scored on the others; labels change nothing else', async () => {
    const config = await loadConfig({ set: [...small, 'evaluate.linearProbe=true'] });
    const { metrics, folder, summaryPath } = await fit('probe', config, { gt: seen.panopticJson });
    const linear = metrics!.semantics.find(({ matching }) => matching === 'linear-probe')!;
    expect(linear).toMatchObject({ photos: 2, fittedOn: '3 of the 5 annotated photos (split seed 42)' });
    expect(linear.pixelAccuracy).toBeGreaterThan(0);
    expect(Object.keys(experimentMetrics(metrics!))).toEqual(
      expect.arrayContaining(['linear mIoU', 'linear pixel accuracy', 'stego mIoU', 'stego vote mIoU']),
    );
    const summary = JSON.parse(await readFile(summaryPath!, 'utf8')) as { metrics: { semantics: object } };
    expect(Object.keys(summary.metrics.semantics)).toHaveLength(3);
    // The same run without any ground truth writes the same labels.
    const without = await fit('no-truth', config);
    for (const file of ['panoptic.json', 'instances.json']) {
      const [a, b] = await Promise.all(
        [folder, without.folder].map((at) => readFile(join(at, 'labels', file), 'utf8')),
      );
      expect(a, file).toBe(b);
    }
  });
});

describe('scoreElsewhere', () => {
  it('scores a run without a network on other photos: its clusters, its STEGO, a probe taught by the labels given', async () => {
    const config = await loadConfig({ set: [...small, 'evaluate.linearProbe=true'] });
    const trained = await fit('elsewhere', config);
    const options = { trained, config, photos: unseen.imageFolder, gt: unseen.panopticJson };
    await expect(scoreSplit(options)).rejects.toThrow(/give --labels/u);
    const metrics = await scoreSplit({ ...options, labels: seen.panopticJson });
    expect(metrics.groundTruth.photos).toBe(3);
    expect(metrics.semantics.map(({ matching, photos }) => [matching, photos])).toEqual([
      ['hungarian-one-to-one', 3],
      ['majority-vote', 3],
      ['linear-probe', 3],
    ]);
    expect(Object.keys(metrics.universal)).toEqual(['pseudo-labels']);
    // Nothing was trained on them: the model is the run's.
    await expect(stat(join(trained.folder, 'elsewhere'))).resolves.toBeDefined();
    expect(await scoreSplit({ ...options, labels: seen.panopticJson })).toEqual(metrics);
  });
});

describe('reuseStages', () => {
  it('takes over what another run has finished, and gives the same result as doing it again', async () => {
    const first = await loadConfig({ set: small });
    const second = await loadConfig({ set: [...small, 'clustering.k=2'] });
    const keys = sharedStageKeys(stages, first);
    expect(
      [...sharedStageKeys(stages, second)].filter(([stage, key]) => keys.get(stage) === key).map(([stage]) => stage),
    ).toEqual(['images', 'propose', 'semantics']);
    const source = await fit('source', first, { gt: seen.panopticJson });
    const reuse = new Map([...keys.keys()].map((stage) => [stage, source.folder] as const));
    const shared = await fit('shared', second, { gt: seen.panopticJson, reuse });
    expect(shared.reused).toEqual(['images', 'propose', 'cluster', 'semantics']);
    const alone = await fit('alone', second, { gt: seen.panopticJson });
    expect(await readFile(shared.summaryPath!, 'utf8')).toBe(await readFile(alone.summaryPath!, 'utf8'));
  });

  it('leaves stages alone that are there or unfinished', async () => {
    const config = await loadConfig({ set: small });
    const empty = join(root, 'empty');
    await writeFile(join(root, 'note.txt'), '');
    const run = await RunDirectory.open(join(root, 'reusing'), seen.imageFolder, config);
    expect(await reuseStages(run, new Map([['propose', empty]]))).toEqual([]);
    await run.close();
  });
});
