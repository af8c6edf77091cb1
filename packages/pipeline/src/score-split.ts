/** A finished run on photos it did not learn from: the validation split of a table. */
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { listPhotos } from '@u2seg/datasets';
import type { Reporter } from './run/reporter.ts';
import { clusterAll } from './cluster/cluster-stage.ts';
import type { PipelineConfig } from './config/config.ts';
import type { RunMetrics } from './evaluate/evaluate-stage.ts';
import type { FitResult } from './fit-result.ts';
import { openGroundTruth } from './evaluate/ground-truth.ts';
import { hashFile } from './run/hash.ts';
import { fixedClusters } from './cluster/fixed-clusters.ts';
import type { ProbePhotos } from './evaluate/linear-probe.ts';
import { mergeAll } from './merge/merge-stage.ts';
import { readModelInfo } from './networks/model-file.ts';
import { indexPhotos, type PhotoIndex } from './photos/photo-index.ts';
import { openPredictionSources } from './predict/prediction-sources.ts';
import { predictAll } from './predict/predict-stage.ts';
import { proposeAll } from './propose/propose-stage.ts';
import { RunDirectory } from './run/run-directory.ts';
import { scoreRun, type ScoredParts } from './evaluate/score-run.ts';
import { segmentAll } from './semantics/semantics-stage.ts';

export interface ScoreSplitOptions {
  /** The run that is finished. */
  readonly trained: FitResult;
  readonly config: PipelineConfig;
  readonly photos: string;
  /** COCO panoptic JSON of these photos. */
  readonly gt: string;
  /** COCO panoptic JSON of the photos learned from, for the linear probe. */
  readonly labels?: string;
  readonly reporter: Reporter;
}

/**
 * Scores a finished run on other photos: its network predicts them; a run without one proposes masks on them and gives these the
 * clusters it found, and its STEGO draws their maps. Nothing is fitted to them but the matching of clusters to classes, as the
 * papers do. What was made stays below `<run>/elsewhere`, so that a repeated call only scores.
 *
 * @throws U2SegError as the stages do; `wrong-usage` if a linear probe is wanted and there are no labels to train it on
 */
export async function scoreSplit(options: ScoreSplitOptions): Promise<RunMetrics> {
  const { trained, config, reporter, photos, gt } = options;
  const listing = await listPhotos(photos, { recursive: config.photos.recursive });
  const probeOn = await probePhotos(options);
  const folder = join(trained.folder, 'elsewhere', (await hashFile(gt)).slice(0, 12));
  const run = await RunDirectory.open(folder, photos, config);
  try {
    reporter.begin('images', 'Photos of the other split');
    const index = await indexPhotos(run, photos, listing, config, reporter.progress);
    reporter.end('images', `${index.photos.length} photos, ${index.skipped.length} left out`);
    if (index.photos.length === 0) throw new U2SegError('not-found', `${photos}: holds no photo that can be read.`);
    const truth = await openGroundTruth(gt, index, config.evaluate.classes);
    const drawn = await semanticMaps(run, index, options);
    const parts =
      trained.trained === undefined
        ? await labelled(run, index, drawn!, options)
        : await predicted(run, index, drawn, options);
    reporter.begin('evaluate', 'Metrics');
    const metrics = await scoreRun(run, { index, truth, ...drawn, ...parts }, config, reporter.progress, probeOn);
    reporter.end('evaluate', `on ${metrics.groundTruth.photos} annotated photos`);
    return metrics;
  } finally {
    await run.close();
  }
}

type Drawn = Pick<Required<ScoredParts>, 'proposals' | 'semantics'>;

/** Features, proposals and maps of the photos; undefined where a network needs none of them. */
async function semanticMaps(
  run: RunDirectory,
  index: PhotoIndex,
  { trained, config, reporter }: ScoreSplitOptions,
): Promise<Drawn | undefined> {
  const { predict, semantics } = config;
  if (trained.trained !== undefined && predict.stuff === 'network') return undefined;
  reporter.begin('propose', 'Features and proposals');
  const proposals = (await proposeAll(run, index, config, { onProgress: reporter.progress }))!;
  reporter.end('propose', `${proposals.counts.proposals} proposals`);
  reporter.begin('semantics', `Semantic clusters by the run’s ${semantics.method}`);
  const maps = await segmentAll(run, index, proposals, config, reporter.progress, trained.semantics!.model);
  reporter.end('semantics', `${maps.summary.pixels.filter((n) => n > 0).length} of ${maps.summary.clusters} in use`);
  return { proposals, semantics: maps };
}

/** Without a network: the clusters of the run on these photos' proposals. */
async function labelled(
  run: RunDirectory,
  index: PhotoIndex,
  { proposals, semantics }: Drawn,
  { trained, config, reporter }: ScoreSplitOptions,
): Promise<Omit<ScoredParts, 'index' | 'truth'>> {
  const clusters = await fixedClusters(trained.instances!, config);
  const instances = await clusterAll(run, proposals, config, reporter.progress, clusters);
  const labels = await mergeAll(run, index, instances, semantics, config, reporter.progress);
  return { instances, labels, numThingClusters: clusters.k };
}

async function predicted(
  run: RunDirectory,
  index: PhotoIndex,
  drawn: Drawn | undefined,
  { trained, config, reporter }: ScoreSplitOptions,
): Promise<Omit<ScoredParts, 'index' | 'truth'>> {
  const { path } = trained.trained!;
  const { things } = await readModelInfo(path);
  const sources = await openPredictionSources(config, trained.instances!, drawn?.semantics);
  try {
    reporter.begin('predict', 'Predictions');
    const model = { path, identity: await hashFile(path) };
    const using = sources === undefined ? {} : { sources };
    const predictions = await predictAll(run, 'predict', index, model, config, reporter.progress, using);
    reporter.end('predict', `${predictions.summary.instances} instances`);
    const byClusters = config.predict.classes === 'clusters';
    return { predictions, numThingClusters: byClusters ? trained.instances!.summary.k : things };
  } finally {
    await sources?.dispose();
  }
}

/** The photos learned from, with their labels. */
async function probePhotos({
  trained: { index, proposals },
  config,
  labels,
}: ScoreSplitOptions): Promise<ProbePhotos | undefined> {
  if (!config.evaluate.linearProbe || config.semantics.method !== 'stego') return undefined;
  if (labels === undefined) {
    throw new U2SegError(
      'wrong-usage',
      'the linear probe learns from labels of the photos learned from: give --labels, or --set evaluate.linearProbe=false.',
    );
  }
  const truth = await openGroundTruth(labels, index);
  return {
    index,
    truth,
    features: proposals!,
    photos: truth.photos,
    name: `${truth.photos.length} photos of ${labels}`,
  };
}
