import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { writeSyntheticDataset } from '@u2seg/datasets';
import { writeFileAtomic } from '@u2seg/interchange';
import type { RunMetrics } from '../pipeline/evaluate-stage.ts';
import { fitFolder } from '../pipeline/fit.ts';
import { loadConfig } from '../pipeline/load-config.ts';
import type { PipelineConfig } from '../pipeline/config.ts';
import type { Reporter } from '../progress/reporter.ts';
import { UsageError } from '../usage-error.ts';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';
import { loadExperiments, selectExperiments, type ListedExperiment } from './experiment-module.ts';
import { recordPath, type ExperimentRecord, type MeasuredCell } from './experiment-record.ts';

interface RunFlags {
  readonly all?: boolean;
  readonly smoke?: boolean;
  readonly photos?: string;
  readonly gt?: string;
  readonly out: string;
  readonly records: string;
  readonly experiments?: string;
}

/** Laid over every system in its smoke variant: small enough that all experiments fit into minutes. */
const smokeSettings: readonly string[] = [
  'backbone.size=128',
  'semantics.steps=20',
  'semantics.maxGrid=16',
  'train.shortestEdge=96',
  'train.maxSize=128',
  'predict.shortestEdge=96',
  'predict.maxSize=128',
  'report.maxPhotos=2',
  'train.checkpointEvery=4',
  'rounds.iterations=2',
];
/** Settings of full size that a smoke run replaces by the tiny preset's. */
const fullSize = /^(?:backbone\.|train\.preset=|train\.iterations=[1-9]|semantics\.preset=|rounds\.count=)/u;

export function registerRunExperiment(program: Command, context: CommandContext): void {
  program
    .command('run')
    .description('run an experiment: a table of a paper or an ablation; its numbers become a record for `u2seg table`')
    .argument('[id]', 'experiment; u2seg table --all shows them')
    .option('--all', 'every experiment')
    .option('--smoke', 'the systems on a few small synthetic scenes: shows that they run, comparable with nothing')
    .option('--photos <folder>', 'photos of the full variant')
    .option('--gt <file>', 'COCO panoptic JSON of these photos')
    .option('--out <folder>', 'where runs go; one that is there is not run again', 'runs/experiments')
    .option('--records <folder>', 'where records go', 'experiments/records')
    .option('--experiments <module>', 'module or file that exports experiments, instead of @u2seg/experiments')
    .action(async (id: string | undefined, flags: RunFlags) => {
      const chosen = selectExperiments(await loadExperiments(flags.experiments), id, flags.all);
      const smoke = flags.smoke === true;
      if (!smoke && (flags.photos === undefined || flags.gt === undefined)) {
        throw new UsageError(
          `${chosen[0]!.id} wants data (${chosen[0]!.data.join(', ')}; ${chosen[0]!.cost}): give --photos and --gt, or --smoke for synthetic scenes.`,
        );
      }
      const reporter = createReporter(context);
      const data = smoke ? await smokeScenes(flags.out) : { photos: flags.photos!, gt: flags.gt! };
      const done = new Map<string, Finished>();
      for (const experiment of chosen) {
        const path = await runExperiment(experiment, { ...data, smoke, flags, reporter, done });
        if (context.json()) context.stdout(`${JSON.stringify({ event: 'record', id: experiment.id, path })}\n`);
        else context.stdout(`${experiment.id}: ${path}\n`);
      }
    });
}

interface Finished {
  readonly run: string;
  readonly seconds: number;
  readonly summary: unknown;
  readonly metrics: RunMetrics | undefined;
  readonly failed?: string;
}

interface RunJob {
  readonly photos: string;
  readonly gt: string;
  readonly smoke: boolean;
  readonly flags: RunFlags;
  readonly reporter: Reporter;
  /** Runs of this command by configuration. */
  readonly done: Map<string, Finished>;
}

async function runExperiment(experiment: ListedExperiment, job: RunJob): Promise<string> {
  const systems: ExperimentRecord['systems'][number][] = [];
  const cells: MeasuredCell[] = [];
  for (const { row, preset, settings } of experiment.systems) {
    const replaced = job.smoke ? settings.filter((setting) => fullSize.test(setting)) : [];
    const config = job.smoke
      ? await smokeConfig(settings.filter((setting) => !replaced.includes(setting)))
      : await loadConfig({ preset, set: settings });
    const key = JSON.stringify(config);
    const known = job.done.get(key) ?? (await runSystem(config, job, job.done.size));
    job.done.set(key, known);
    const { metrics, ...system } = known;
    systems.push({ row, replaced, ...system });
    if (metrics !== undefined) cells.push(...measuredCells(row, metrics));
  }
  const record: ExperimentRecord = {
    format: 'u2seg-experiment-record/1',
    id: experiment.id,
    variant: job.smoke ? 'smoke' : 'full',
    machine: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`,
    systems,
    cells,
  };
  await mkdir(job.flags.records, { recursive: true });
  const path = recordPath(job.flags.records, experiment.id, record.variant);
  await writeFileAtomic(path, `${JSON.stringify(record, undefined, 2)}\n`);
  return path;
}

/** A system that fails is part of the record, with its reason; the others go on. */
async function runSystem(config: PipelineConfig, job: RunJob, number: number): Promise<Finished> {
  const run = join(job.flags.out, `${job.smoke ? 'smoke' : 'full'}-${await shortHash(config, job.photos)}`);
  job.reporter.note(`run ${number + 1}: ${run}`);
  const start = Date.now();
  try {
    const result = await fitFolder({
      photos: job.photos,
      out: run,
      config,
      gt: job.gt,
      reporter: job.reporter,
      now: Date.now,
    });
    const summary: unknown =
      result.summaryPath === undefined ? null : JSON.parse(await readFile(result.summaryPath, 'utf8'));
    return { run, seconds: (Date.now() - start) / 1000, summary, metrics: result.metrics };
  } catch (cause) {
    const failed = cause instanceof Error ? cause.message : String(cause);
    job.reporter.warn(`${run}: ${failed}`);
    return { run, seconds: (Date.now() - start) / 1000, summary: null, metrics: undefined, failed };
  }
}

async function shortHash(config: PipelineConfig, photos: string): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([config, photos]));
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes))
    .toString('hex')
    .slice(0, 10);
}

async function smokeConfig(settings: readonly string[]): Promise<PipelineConfig> {
  const config = await loadConfig({ preset: 'tiny', set: [...settings, ...smokeSettings] });
  const { train, clustering, semantics } = config;
  return {
    ...config,
    clustering: { ...clustering, k: Math.min(clustering.k, 8) },
    semantics: { ...semantics, clusters: Math.min(semantics.clusters, 6) },
    train: { ...train, iterations: Math.min(train.iterations, 4) },
    rounds: { ...config.rounds, count: 0 },
  };
}

async function smokeScenes(out: string): Promise<{ photos: string; gt: string }> {
  const { imageFolder, panopticJson } = await writeSyntheticDataset(join(out, 'smoke-scenes'), {
    count: 8,
    height: 96,
    width: 128,
    seed: 0,
  });
  return { photos: imageFolder, gt: panopticJson };
}

/** The numbers of a run under the last table it scored (predictions where there is a network, else labels). */
function measuredCells(row: string, { classAgnostic, universal }: RunMetrics): MeasuredCell[] {
  const cells: MeasuredCell[] = [];
  const put = (column: string, value: number): void => {
    cells.push({ row, column, value: Number.isFinite(value) && value >= 0 ? 100 * value : null });
  };
  const [maskName, masks] = Object.entries(classAgnostic).at(-1) ?? [];
  if (masks !== undefined) {
    put(`class-agnostic AP mask (${maskName})`, masks.ap);
    put(`class-agnostic AP50 mask (${maskName})`, masks.ap50);
    put(`class-agnostic AR100 mask (${maskName})`, masks.arThird);
  }
  const [mapName, report] = Object.entries(universal).at(-1) ?? [];
  for (const { protocol, panoptic, semantic } of report?.results ?? []) {
    const where = `${protocol}, ${mapName}`;
    put(`PQ (${where})`, panoptic.all.pq);
    put(`SQ (${where})`, panoptic.all.sq);
    put(`RQ (${where})`, panoptic.all.rq);
    put(`mIoU (${where})`, semantic.miou);
    put(`pixel accuracy (${where})`, semantic.pixelAccuracy);
  }
  return cells;
}
