/** The main job: from a folder of photos to a trained segmenter, every stage resumable. */
import { listPhotos, type PhotoListing } from '@u2seg/datasets';
import { reuseStages } from './run/reuse-stages.ts';
import { openGroundTruth } from './evaluate/ground-truth.ts';
import { clusterAll, type InstanceTables } from './cluster/cluster-stage.ts';
import type { PipelineConfig } from './config/config.ts';
import { trainContourStage, wantsContours } from './contours/contour-stage.ts';
import { exportLabels } from './merge/export-labels.ts';
import { findInitialWeights } from './networks/initial-weights.ts';
import { mergeAll } from './merge/merge-stage.ts';
import { indexPhotos, leftOut, type PhotoIndex } from './photos/photo-index.ts';
import { predictAll } from './predict/predict-stage.ts';
import { proposeAll } from './propose/propose-stage.ts';
import { writeRunReport } from './report/report-stage.ts';
import { RunDirectory } from './run/run-directory.ts';
import { openPredictionSources } from './predict/prediction-sources.ts';
import { scoreRun } from './evaluate/score-run.ts';
import { segmentAll } from './semantics/semantics-stage.ts';
import type { Shard } from './run/partitions.ts';
import { StageTimes } from './run/stage-times.ts';
import { runSummary, writeSummary } from './report/summary.ts';
import { selfTrainModel, trainModel } from './train/train-stage.ts';
import { runWarnings } from './report/warnings.ts';
import type { Reporter } from './run/reporter.ts';
import { stageNames, type StageName } from './run/stage-names.ts';
import type { FitResult } from './fit-result.ts';

export interface FitOptions {
  /** Folder of photos. */
  readonly photos: string;
  /** Run folder, made where it is not there. */
  readonly out: string;
  readonly config: PipelineConfig;
  /** COCO panoptic JSON; its PNG files beside it. */
  readonly gt?: string;
  /** Last stage to run. */
  readonly until?: StageName;
  /** Other runs on the same photos, by the stage that may be taken over from them. */
  readonly adopt?: ReadonlyMap<StageName, string>;
  readonly shard?: Shard;
  /** Worker threads; by default one a core. */
  readonly workers?: number;
  readonly reporter: Reporter;
  readonly now: () => number;
}

type Progressing = { -readonly [K in keyof FitResult]: FitResult[K] };

/**
 * Runs the pipeline up to a stage; what is done already is not done again.
 *
 * @throws U2SegError as the stages do; what was finished stays, and the same call goes on from there
 */
export async function fitFolder(options: FitOptions): Promise<FitResult> {
  const { config, reporter } = options;
  // First, so that a misspelled folder of photos leaves no run behind.
  const listing = await listPhotos(options.photos, { recursive: config.photos.recursive });
  const run = await RunDirectory.open(options.out, options.photos, config, options.shard);
  try {
    const times = await StageTimes.open(run, options.now);
    const adopted = options.adopt === undefined ? [] : await reuseStages(run, options.adopt);
    const result = await runStages(options, listing, run, times);
    result.adopted = adopted;
    await times.save();
    result.warnings = runWarnings(result);
    for (const sentence of result.warnings) reporter.warn(sentence);
    const last = options.until ?? 'report';
    if (last !== 'report' && last !== 'evaluate') return result;
    const summary = await runSummary(result, config);
    result.summaryPath = await writeSummary(run, summary);
    if (last === 'report') {
      reporter.begin('report', 'Report');
      result.reportPath = await writeRunReport(run, result, config, options.gt, times);
      reporter.end('report', result.reportPath);
    }
    return result;
  } finally {
    await run.close();
  }
}

async function runStages(
  options: FitOptions,
  listing: PhotoListing,
  run: RunDirectory,
  times: StageTimes,
): Promise<Progressing> {
  const { config, reporter } = options;
  const last = stageNames.indexOf(options.until ?? 'report');
  const wanted = (name: StageName): boolean => stageNames.indexOf(name) <= last;
  const stage: RunStage = async (name, title, work, describe) => {
    reporter.begin(name, title);
    const value = await times.measure(name, work);
    reporter.end(name, describe(value));
    return value;
  };
  const { progress } = reporter;
  const index = await stage(
    'images',
    'Photos',
    () => indexPhotos(run, options.photos, listing, config, progress),
    describePhotos,
  );
  const result: Progressing = { folder: run.folder, index, warnings: [] };
  for (const one of index.skipped.slice(0, 10)) reporter.warn(leftOut(one));
  if (index.skipped.length > 10)
    reporter.warn(`${index.skipped.length - 10} more are left out; stages/images/skipped lists them all.`);
  // Before the hours of work, not after them.
  const truth =
    options.gt === undefined ? undefined : await openGroundTruth(options.gt, index, config.evaluate.classes);
  const { init, iterations } = config.train;
  if (wanted('train') && iterations > 0 && init !== undefined && init !== 'random') await findInitialWeights(init);
  if (!wanted('propose')) return result;
  const { shard, workers } = options;
  const proposals = await stage(
    'propose',
    'Features and proposals',
    () =>
      proposeAll(run, index, config, {
        ...(shard === undefined ? {} : { shard }),
        ...(workers === undefined ? {} : { workers }),
        onProgress: progress,
      }),
    (value) =>
      value === undefined
        ? 'this shard is done; others are missing'
        : `${value.counts.proposals} proposals on ${value.counts.photos} photos, ${value.backbone.name}`,
  );
  if (proposals === undefined) return result;
  result.proposals = proposals;
  if (shard !== undefined || !wanted('cluster')) return result;
  const instances = await stage(
    'cluster',
    'Clusters of instances',
    () => clusterAll(run, proposals, config, progress),
    ({ summary }) => `${summary.instances} instances in ${summary.k} clusters`,
  );
  result.instances = instances;
  if (!wanted('semantics')) return result;
  const semantics = await stage(
    'semantics',
    'Semantic clusters',
    () => segmentAll(run, index, proposals, config, progress),
    ({ summary }) => `${summary.pixels.filter((n) => n > 0).length} of ${summary.clusters} clusters in use`,
  );
  result.semantics = semantics;
  if (!wanted('merge')) return result;
  const labels = await stage(
    'merge',
    'Panoptic pseudo-labels',
    async () => {
      const merged = await mergeAll(run, index, instances, semantics, config, progress);
      await exportLabels(
        run,
        'labels',
        index,
        merged.inputsHash,
        merged.segments,
        merged.partitions,
        { things: instances.summary.k, stuff: config.semantics.clusters },
        progress,
      );
      return merged;
    },
    ({ summary }) => `${summary.things} things and ${summary.stuff} stuff segments, in ${run.path('labels')}`,
  );
  result.labels = labels;
  if (!wanted('train')) return result;
  // Without iterations there is no network: the labels are the result, as for STEGO or MaskCut alone.
  if (config.train.iterations > 0) {
    await trainAndPredict(options, run, result, { index, proposals, instances, semantics, labels }, stage, wanted);
    if (!wanted('predict')) return result;
  }
  const { predictions } = result;
  if (truth !== undefined && wanted('evaluate')) {
    result.metrics = await stage(
      'evaluate',
      'Metrics',
      () =>
        scoreRun(
          run,
          {
            index,
            truth,
            proposals,
            instances,
            semantics,
            labels,
            ...(predictions === undefined ? {} : { predictions }),
            numThingClusters: instances.summary.k,
          },
          config,
          progress,
        ),
      ({ groundTruth }) => `on ${groundTruth.photos} annotated photos`,
    );
  }
  return result;
}

type RunStage = <T>(
  name: StageName,
  title: string,
  work: () => Promise<T>,
  describe: (value: T) => string,
) => Promise<T>;

/** Sixth to ninth stage. */
async function trainAndPredict(
  { config, reporter }: FitOptions,
  run: RunDirectory,
  result: Progressing,
  {
    index,
    proposals,
    instances,
    semantics,
    labels,
  }: Pick<Required<FitResult>, 'index' | 'proposals' | 'instances' | 'semantics' | 'labels'>,
  stage: RunStage,
  wanted: (name: StageName) => boolean,
): Promise<void> {
  const { progress } = reporter;
  const trained = await stage(
    'train',
    'Training',
    () => trainModel(run, index, instances, labels, config, progress),
    ({ curves }) => lossOf(curves[0]?.points),
  );
  result.trained = trained;
  if (trained.start !== undefined && trained.start !== 'random weights') reporter.note(`started from ${trained.start}`);
  if (!wanted('rounds')) return;
  const final =
    config.rounds.count === 0
      ? trained
      : await stage(
          'rounds',
          'Self-training',
          () => selfTrainModel(run, index, instances, labels, trained, config, progress),
          ({ rounds }) =>
            rounds
              .map(
                ({ round, labelsBefore, labelsAfter }) =>
                  `round ${round}: ${labelsBefore} labels became ${labelsAfter}`,
              )
              .join('; '),
        );
  result.trained = final;
  if (!wanted('contours')) return;
  const contours = wantsContours(config)
    ? await stage(
        'contours',
        'Contours',
        () => trainContourStage(run, index, proposals, config, progress),
        (value) => (value === undefined ? 'no region to learn them from: colour alone' : lossOf(value.curve)),
      )
    : undefined;
  if (contours !== undefined) result.contours = contours;
  if (!wanted('predict')) return;
  const predictions = await stage(
    'predict',
    'Predictions',
    async () => {
      const sources = await openPredictionSources(config, instances, semantics);
      const model = { path: final.path, identity: final.inputsHash };
      const using = { ...(sources === undefined ? {} : { sources }), ...(contours === undefined ? {} : { contours }) };
      const found = await predictAll(run, 'predict', index, model, config, progress, using).finally(() =>
        sources?.dispose(),
      );
      await exportLabels(
        run,
        'predictions',
        index,
        found.inputsHash,
        found.segments,
        found.partitions,
        { things: thingClasses(instances), stuff: config.semantics.clusters },
        progress,
      );
      return found;
    },
    ({ summary }) => `${summary.instances} instances, ${summary.segments} panoptic segments`,
  );
  result.predictions = predictions;
}

/** Classes of things in predictions: a network has at least one, on photos where nothing was found too. */
function thingClasses({ summary }: InstanceTables): number {
  return Math.max(1, summary.k);
}

function describePhotos({ photos, skipped }: PhotoIndex): string {
  return `${photos.length} photos${skipped.length === 0 ? '' : `, ${skipped.length} left out`}`;
}

function lossOf(points: readonly { readonly total: number }[] | undefined): string {
  if (points === undefined || points.length === 0) return 'no iterations';
  return `${points.length} iterations, loss ${points[0]!.total.toFixed(3)} to ${points.at(-1)!.total.toFixed(3)}`;
}
