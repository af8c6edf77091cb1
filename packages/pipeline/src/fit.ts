/** The main job: from a folder of photos to a trained segmenter, every stage resumable. */
import { U2SegError } from '@u2seg/core';
import { listPhotos } from '@u2seg/datasets';
import { clusterStage } from './cluster/cluster-stage.ts';
import { pipelineSchema, type PartialConfig, type PipelineConfig } from './config/config.ts';
import { loadConfig } from './config/load-config.ts';
import { contourStage } from './contours/contour-stage.ts';
import { evaluateStage } from './evaluate/score-run.ts';
import type { FitResult } from './fit-result.ts';
import { mergeStage } from './merge/merge-stage.ts';
import { imagesStage, stageContext } from './photos/index-photos.ts';
import { predictStage } from './predict/predict-stage.ts';
import { proposeStage } from './propose/propose-stage.ts';
import { reportStage } from './report/report-stage.ts';
import { runWarnings, warningsPart, writeSummary } from './report/summary.ts';
import type { Shard } from './run/partitions.ts';
import { reported, silentReporter, type Reporter } from './run/reporter.ts';
import { reuseStages } from './run/reuse-stages.ts';
import { RunDirectory } from './run/run-directory.ts';
import { StageTimes } from './run/stage-times.ts';
import { Results, type FitContext, type Stage } from './run/stage.ts';
import { semanticsStage } from './semantics/semantics-stage.ts';
import { stages as allStages } from './stages.ts';
import { finalModel } from './train/train-stage.ts';

export interface FitOptions {
  /** Folder of photos. */
  readonly photos: string;
  /** Run folder, made where it is not there; a run that is there goes on. */
  readonly out: string;
  /** Settings over the preset's; its `preset` is `tiny` unless told otherwise. */
  readonly config?: PartialConfig;
  /** COCO panoptic JSON of the photos, its PNG files in the folder of the same name beside it; for metrics only. */
  readonly gt?: string;
  /** Name of the last stage to run; by default all run. */
  readonly until?: string;
  /** Run folders of other runs on the same photos, by the stage that may be taken over from them. */
  readonly reuse?: ReadonlyMap<string, string>;
  /** Only this part of the photos, as far as stages divide. */
  readonly shard?: Shard;
  /** Worker threads; by default one a core. */
  readonly workers?: number;
  /** Told how the run gets on; by default nobody is. */
  readonly reporter?: Reporter;
  /** Clock in milliseconds, for the times in the report. */
  readonly now?: () => number;
  /** The stages, with those of one's own; by default `stages`. */
  readonly stages?: readonly Stage[];
}

/**
 * Runs the pipeline on a folder of photos; what is done already is not done again.
 *
 * 1. every photo is checked, and what would fail late (ground truth, starting weights) is opened;
 * 2. the stages run in order, each from the tables of those before it, and store their tables in the run folder;
 * 3. the summary and the report are written.
 *
 * @returns what every stage gave; the labels lie in `labels/` of the run folder, predictions in `predictions/`
 * @throws U2SegError `wrong-usage` for a setting or stage there is not, `conflict` if the folder holds another run, and as the stages do;
 *   what was finished stays, and the same call goes on from there
 *
 * @example
 * ```ts
 * const run = await fitFolder({ photos: 'photos', out: 'runs/photos', config: { clustering: { k: 20 } } });
 * console.log(run.labels?.summary); // { photos: 128, things: 611, stuff: 903, emptyPhotos: 0 }
 * ```
 */
export async function fitFolder(options: FitOptions): Promise<FitResult> {
  const { reporter = silentReporter, stages = allStages, gt, shard, workers, now = Date.now } = options;
  const config = await wholeConfig(options.config);
  const wanted = wantedStages(stages, config, options);
  // First, so that a misspelled folder of photos leaves no run behind.
  const listing = await listPhotos(options.photos, { recursive: config.photos.recursive });
  const run = await RunDirectory.open(options.out, options.photos, config, shard);
  try {
    const times = await StageTimes.open(run, now);
    const reused = options.reuse === undefined ? [] : await reuseStages(run, options.reuse);
    const context: FitContext = {
      run,
      config,
      reporter,
      onProgress: reporter.progress,
      photos: options.photos,
      listing,
      ...(gt === undefined ? {} : { gt }),
      ...(shard === undefined ? {} : { shard }),
      ...(workers === undefined ? {} : { workers }),
      stages,
      results: new Results(),
      seconds: times.seconds,
    };
    const { results } = context;
    const step = async (stage: Stage): Promise<void> => {
      if (!stage.needs.every((part) => results.has(part))) return;
      const work = (): Promise<unknown> => times.measure(stage.name, () => stage.run(context));
      const value = await reported(reporter, stage, work, (made) =>
        made === undefined ? (stage.nothing ?? 'nothing') : stage.describe(made, run.folder),
      );
      if (value === undefined) return;
      results.set(stage, value);
      stage.remark?.(value, reporter);
    };
    for (const stage of wanted) {
      if (stage !== reportStage) await step(stage);
      // Before the hours of work, not after them.
      if (stage === imagesStage) for (const later of wanted) await later.prepare?.(context);
    }
    const warnings = runWarnings(context);
    results.set(warningsPart, warnings);
    for (const sentence of warnings) reporter.warn(sentence);
    const summaryPath = wanted.includes(evaluateStage) ? await writeSummary(context) : undefined;
    if (wanted.includes(reportStage)) await step(reportStage);
    return fitResult(context, { reused, warnings, ...(summaryPath === undefined ? {} : { summaryPath }) });
  } finally {
    await run.close();
  }
}

/** A whole configuration as it is; some settings over their preset. */
async function wholeConfig(config: PartialConfig = {}): Promise<PipelineConfig> {
  const whole = pipelineSchema.safeParse(config);
  return whole.success ? whole.data : loadConfig({ overrides: { ...config } });
}

/** The stages that run: up to the last one asked for, those the configuration has, for a shard those that divide. */
function wantedStages(stages: readonly Stage[], config: PipelineConfig, { until, shard }: FitOptions): Stage[] {
  const last = until === undefined ? stages.length - 1 : stages.findIndex(({ name }) => name === until);
  if (last < 0) {
    const names = stages.map(({ name }) => name).join(', ');
    throw new U2SegError('wrong-usage', `fitFolder: until must be one of ${names}, got ${until}.`);
  }
  const reached = stages.slice(0, last + 1);
  const end = shard === undefined ? reached.length : reached.findLastIndex(({ divides }) => divides === true) + 1;
  return reached.slice(0, Math.max(1, end)).filter((stage) => stage.wanted?.(config) !== false);
}

function fitResult(context: FitContext, more: Pick<FitResult, 'reused' | 'warnings' | 'summaryPath'>): FitResult {
  const { run, results } = context;
  const parts = {
    proposals: results.get(proposeStage),
    instances: results.get(clusterStage),
    semantics: results.get(semanticsStage),
    labels: results.get(mergeStage),
    trained: finalModel(results),
    contours: results.get(contourStage),
    predictions: results.get(predictStage),
    metrics: results.get(evaluateStage),
    reportPath: results.get(reportStage),
  };
  return {
    folder: run.folder,
    index: stageContext(context).index,
    ...reached(parts),
    results,
    ...more,
  };
}

/** The parts that are there. */
function reached<T extends object>(parts: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
