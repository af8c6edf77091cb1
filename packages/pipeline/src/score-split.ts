/** A finished run on photos it did not learn from: the validation split of a table. */
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { listPhotos } from '@u2seg/datasets';
import { clusterAll, clusterStage, type InstanceTables } from './cluster/cluster-stage.ts';
import { fixedClusters } from './cluster/fixed-clusters.ts';
import type { PipelineConfig } from './config/config.ts';
import type { RunMetrics } from './evaluate/evaluate-stage.ts';
import { openGroundTruth } from './evaluate/ground-truth.ts';
import type { ProbePhotos } from './evaluate/linear-probe.ts';
import { evaluateStage, scoreRun, type ScoredParts } from './evaluate/score-run.ts';
import type { FitResult } from './fit-result.ts';
import { mergeAll } from './merge/merge-stage.ts';
import { readModelInfo } from './networks/model-file.ts';
import { imagesStage, indexPhotos } from './photos/index-photos.ts';
import { predictAll, predictStage } from './predict/predict-stage.ts';
import { openPredictionSources } from './predict/prediction-sources.ts';
import { proposeAll, proposeStage, type ProposalTables } from './propose/propose-stage.ts';
import { hashFile } from './run/hash.ts';
import { reported, silentReporter, type Reporter } from './run/reporter.ts';
import { RunDirectory } from './run/run-directory.ts';
import { shortHash } from './run/run-stage.ts';
import type { StageContext } from './run/stage-context.ts';
import { inUse, segmentAll, semanticsStage, type SemanticTables } from './semantics/semantics-stage.ts';
import { finalModel, type TrainedModel } from './train/train-stage.ts';

export interface ScoreSplitOptions {
  /** The run that is finished. */
  readonly trained: FitResult;
  readonly config: PipelineConfig;
  readonly photos: string;
  /** COCO panoptic JSON of these photos. */
  readonly gt: string;
  /** COCO panoptic JSON of the photos learned from, for the linear probe. */
  readonly labels?: string;
  /** Told how it gets on; by default nobody is. */
  readonly reporter?: Reporter;
}

/**
 * Scores a finished run on other photos: its network predicts them; a run without one proposes masks on them and gives these the
 * clusters it found, and its STEGO draws their maps. Nothing is fitted to them but the matching of clusters to classes, as the
 * papers do. What was made stays below `<run>/elsewhere`, so that a repeated call only scores.
 *
 * @throws U2SegError as the stages do; `wrong-usage` if a linear probe is wanted and there are no labels to train it on
 */
export async function scoreSplit(options: ScoreSplitOptions): Promise<RunMetrics> {
  const { trained, config, reporter = silentReporter, photos, gt } = options;
  const listing = await listPhotos(photos, { recursive: config.photos.recursive });
  const probeOn = await probePhotos(options);
  const folder = join(trained.folder, 'elsewhere', shortHash(await hashFile(gt)));
  const run = await RunDirectory.open(folder, photos, config);
  try {
    const { progress: onProgress } = reporter;
    const index = await reported(
      reporter,
      { ...imagesStage, title: 'Photos of the other split' },
      () => indexPhotos({ run, config, onProgress }, { folder: photos, listing }),
      (found) => `${found.photos.length} photos, ${found.skipped.length} left out`,
    );
    if (index.photos.length === 0) throw new U2SegError('not-found', `${photos}: holds no photo that can be read.`);
    const truth = await openGroundTruth(gt, index, config.evaluate.classes);
    const split = { context: { run, index, config, onProgress }, trained, reporter };
    const network = finalModel(trained.results);
    const parts = network === undefined ? await labelled(split) : await predicted(split, network);
    return await reported(
      reporter,
      evaluateStage,
      () => scoreRun(split.context, { truth, ...parts, ...(probeOn === undefined ? {} : { probeOn }) }),
      (metrics) => evaluateStage.describe(metrics, run.folder),
    );
  } finally {
    await run.close();
  }
}

/** Photos to score, and the run that scores them. */
interface Split {
  readonly context: StageContext;
  readonly trained: FitResult;
  readonly reporter: Reporter;
}

type SplitParts = Omit<ScoredParts, 'truth'>;

/** Features, proposals and maps of the photos, by what the run learned. */
async function semanticMaps({
  context,
  trained: { results },
  reporter,
}: Split): Promise<{ readonly proposals: ProposalTables; readonly semantics: SemanticTables }> {
  const propose = async (): Promise<ProposalTables> => {
    const tables = await proposeAll(context);
    if (tables === undefined) throw new U2SegError('conflict', `${context.run.folder}: is being filled by shards.`);
    return tables;
  };
  const proposals = await reported(reporter, proposeStage, propose, (tables) =>
    proposeStage.describe(tables, context.run.folder),
  );
  const title = `Semantic clusters by the run’s ${context.config.semantics.method}`;
  const semantics = await reported(
    reporter,
    { ...semanticsStage, title },
    () => segmentAll(context, { proposals, trained: results.of(semanticsStage).model }),
    (maps) => `${inUse(maps)} of ${maps.summary.clusters} in use`,
  );
  return { proposals, semantics };
}

/** Without a network: the clusters of the run on these photos' proposals. */
async function labelled(split: Split): Promise<SplitParts> {
  const { context, trained } = split;
  const { proposals, semantics } = await semanticMaps(split);
  const fixed = await fixedClusters(trained.results.of(clusterStage), context.config);
  const instances = await clusterAll(context, { proposals, fixed });
  const labels = await mergeAll(context, { instances, semantics });
  return { proposals, semantics, instances, labels, numThingClusters: fixed.k };
}

/** With a network: what it predicts, over the maps where the configuration takes stuff from them. */
async function predicted(split: Split, { path }: TrainedModel): Promise<SplitParts> {
  const { context, trained, reporter } = split;
  const { config } = context;
  const drawn = config.predict.stuff === 'network' ? undefined : await semanticMaps(split);
  const instances: InstanceTables = trained.results.of(clusterStage);
  const { things } = await readModelInfo(path);
  const sources = await openPredictionSources(config, instances, drawn?.semantics);
  try {
    const model = { path, identity: await hashFile(path) };
    const predictions = await reported(
      reporter,
      predictStage,
      () => predictAll(context, { model, ...(sources === undefined ? {} : { sources }) }),
      ({ summary }) => `${summary.instances} instances`,
    );
    const byClusters = config.predict.classes === 'clusters';
    return { ...drawn, predictions, numThingClusters: byClusters ? instances.summary.k : things };
  } finally {
    await sources?.dispose();
  }
}

/** The photos learned from, with their labels. */
async function probePhotos({
  trained: { index, results },
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
    features: results.of(proposeStage),
    photos: truth.photos,
    name: `${truth.photos.length} photos of ${labels}`,
  };
}
