/** A trained network on photos it did not learn from: the validation split of a table. */
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { listPhotos } from '@u2seg/datasets';
import type { Reporter } from '../progress/reporter.ts';
import type { PipelineConfig } from './config.ts';
import { evaluateRun, type RunMetrics } from './evaluate-stage.ts';
import { openGroundTruth } from './ground-truth.ts';
import { findModel } from './predict-folder.ts';
import { hashFile } from './hash.ts';
import { readModelInfo } from './model-file.ts';
import { indexPhotos } from './photo-index.ts';
import { predictAll } from './predict-stage.ts';
import { RunDirectory } from './run-directory.ts';

export interface ScoreElsewhereOptions {
  /** Finished run whose network is scored. */
  readonly run: string;
  readonly config: PipelineConfig;
  readonly photos: string;
  /** COCO panoptic JSON of these photos. */
  readonly gt: string;
  readonly reporter: Reporter;
}

/**
 * Predicts other photos with the network of a run and scores them; what was predicted stays below `<run>/elsewhere`, so that a
 * repeated call only scores.
 *
 * @throws U2SegError `not-found` if the run has no network
 */
export async function scoreElsewhere(options: ScoreElsewhereOptions): Promise<RunMetrics> {
  const { config, reporter, photos, gt } = options;
  const path = await findModel(options.run);
  const { things, stuff } = await readModelInfo(path);
  const listing = await listPhotos(photos, { recursive: config.photos.recursive });
  const identity = await hashFile(path);
  const folder = join(options.run, 'elsewhere', (await hashFile(gt)).slice(0, 12));
  const run = await RunDirectory.open(folder, photos, config);
  try {
    reporter.begin('images', 'Photos of the other split');
    const index = await indexPhotos(run, photos, listing, config, reporter.progress);
    reporter.end('images', `${index.photos.length} photos, ${index.skipped.length} left out`);
    if (index.photos.length === 0) throw new U2SegError('not-found', `${photos}: holds no photo that can be read.`);
    const truth = await openGroundTruth(gt, index);
    reporter.begin('predict', 'Predictions');
    const found = await predictAll(run, 'predict', index, { path, identity }, config, reporter.progress);
    reporter.end('predict', `${found.summary.instances} instances`);
    reporter.begin('evaluate', 'Metrics');
    const metrics = await evaluateRun(
      truth,
      index,
      {
        masks: { model: found.predictions },
        panoptic: { model: { table: found.segments, scored: true } },
        clustered: { model: found.predictions },
        numThingClusters: things,
        numStuffClusters: stuff,
        votes: config.evaluate,
      },
      reporter.progress,
    );
    reporter.end('evaluate', `on ${metrics.groundTruth.photos} annotated photos`);
    return metrics;
  } finally {
    await run.close();
  }
}
