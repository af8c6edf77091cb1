/** Runs the systems of an experiment, each configuration once. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { fineTuneFolder } from '../fine-tuning/fine-tune.ts';
import type { PartialConfig, PipelineConfig } from '../config/config.ts';
import { sharedStageKeys } from '../run/reuse-stages.ts';
import { stages } from '../stages.ts';
import { fitFolder } from '../fit.ts';
import { loadConfig, parseSetting } from '../config/load-config.ts';
import { mergeSettings } from '../config/merge-settings.ts';
import { metricNumbers } from '../evaluate/metric-numbers.ts';
import { scoreSplit } from '../score-split.ts';
import { machine } from '../run/provenance.ts';
import { silentReporter, type Reporter } from '../run/reporter.ts';
import type { Experiment, ExperimentSystem } from './experiment.ts';
import { annotatedMetrics, experimentMetrics } from './experiment-metrics.ts';
import type { ExperimentRecord, ExperimentVariant, MeasuredCell, MeasuredSystem } from './experiment-record.ts';
import { meanAndDeviation } from './mean-and-deviation.ts';
import { smokeSystem, tinySystem, type SmokeSystem } from './smoke-variant.ts';

export interface ExperimentJob {
  readonly variant: ExperimentVariant;
  /** Photos the systems learn from. */
  readonly photos: string;
  /** COCO panoptic JSON: of `val` where it is given, of `photos` otherwise. */
  readonly gt: string;
  /** Photos scored, when they are others than those learned from. */
  readonly val?: string;
  /** COCO JSON of `labelPhotos`, of which fine-tuning takes a share and the linear probe learns; `gt` unless `val` is given. */
  readonly labels?: string;
  /** Photos of `labels`; by default `photos`. */
  readonly labelPhotos?: string;
  /** Name of the data set scored, as the tables have it. */
  readonly data?: string;
  /** Name of the data set learned from; systems the paper trained on others are left out. */
  readonly training?: string;
  /** Every system once for each; by default its own. */
  readonly seeds?: readonly number[];
  /** `tiny`: systems of full size at that of the tiny preset. */
  readonly preset?: 'tiny';
  /** `key.path=value` settings laid over those of every system. */
  readonly set?: readonly string[];
  /** Folder of the runs. */
  readonly out: string;
  /** Told how the runs get on; by default nobody is. */
  readonly reporter?: Reporter;
  /** Clock in milliseconds, for the times in the record. */
  readonly now?: () => number;
}

type Outcome = Pick<MeasuredSystem, 'run' | 'seconds' | 'summary' | 'failed' | 'adopted'> & {
  readonly numbers: Readonly<Record<string, number | null>>;
};

/** Runs systems and remembers what they gave, so that tables that share one do not repeat it. */
export class SystemRunner {
  readonly #job: ExperimentJob & Required<Pick<ExperimentJob, 'reporter' | 'now'>>;
  /** Laid over the settings of every system. */
  readonly #set: PartialConfig;
  readonly #done = new Map<string, Outcome>();
  /** Runs that have finished a stage, by the stage's key. */
  readonly #stages = new Map<string, string>();

  /** @throws U2SegError `wrong-usage` for a misspelled setting of `set` */
  constructor(job: ExperimentJob) {
    this.#job = { reporter: silentReporter, now: Date.now, ...job };
    this.#set = mergeSettings(...(job.set ?? []).map(parseSetting));
  }

  /** A system that fails is part of the record, with its reason; the others go on. */
  async run(experiment: Experiment): Promise<ExperimentRecord> {
    const { variant, data, training, seeds } = this.#job;
    const systems: MeasuredSystem[] = [];
    const cells: MeasuredCell[] = [];
    const of = data === undefined ? {} : { data };
    const { cpu, cores } = machine();
    for (const system of experiment.systems) {
      if (training !== undefined && system.training !== undefined && system.training !== training) continue;
      const runs: Outcome['numbers'][] = [];
      for (const seed of seeds ?? [undefined]) {
        const { measured, numbers } = await this.#system(system, seed);
        systems.push({ ...measured, ...of });
        runs.push(numbers);
      }
      cells.push(...meanCells(runs).map((cell) => ({ system: system.id, ...cell, ...of })));
    }
    return {
      format: 'u2seg-experiment-record/2',
      id: experiment.id,
      variant,
      machine: `${cpu}, ${cores} cores`,
      systems,
      cells,
    };
  }

  async #system(
    system: ExperimentSystem,
    seed: number | undefined,
  ): Promise<{ readonly measured: MeasuredSystem; readonly numbers: Outcome['numbers'] }> {
    const { val, photos, training, variant } = this.#job;
    const settings = [system.settings, this.#set, ...(seed === undefined ? [] : [{ seed }])];
    const { config, replaced } = await this.#sized(system.preset, settings);
    const { numbers, ...outcome } = await this.#outcome(config, system);
    const share = variant === 'smoke' && system.fineTune !== undefined ? [`share=${system.fineTune.share}`] : [];
    const measured: MeasuredSystem = {
      id: system.id,
      ...outcome,
      ...(seed === undefined ? {} : { seed }),
      ...(training === undefined ? {} : { training }),
      ...(val === undefined ? {} : { trainedOn: photos }),
      replaced: [...replaced, ...share],
    };
    return { measured, numbers };
  }

  async #sized(preset: ExperimentSystem['preset'], settings: readonly PartialConfig[]): Promise<SmokeSystem> {
    if (this.#job.variant === 'smoke') return smokeSystem(...settings);
    if (this.#job.preset === 'tiny' && preset !== 'tiny') return tinySystem(...settings);
    return { config: await loadConfig({ preset, base: settings }), replaced: [] };
  }

  async #outcome(config: PipelineConfig, system: ExperimentSystem): Promise<Outcome> {
    // Of eight scenes a hundredth is none.
    const small = this.#job.variant === 'smoke';
    const fineTune = system.fineTune === undefined || !small ? system.fineTune : { ...system.fineTune, share: 50 };
    const key = hash(config, fineTune ?? null);
    const known = this.#done.get(key);
    if (known !== undefined) return known;
    const outcome = fineTune === undefined ? await this.#fit(config) : await this.#fineTune(config, fineTune);
    this.#done.set(key, outcome);
    return outcome;
  }

  async #fineTune(
    config: PipelineConfig,
    { share, from }: NonNullable<ExperimentSystem['fineTune']>,
  ): Promise<Outcome> {
    const base =
      from === 'own' ? await this.#outcome(config, { id: '', preset: config.preset, settings: {} }) : undefined;
    if (base?.failed !== undefined) return base;
    const { photos, gt, val, labels, labelPhotos, out, reporter, now, variant } = this.#job;
    const small = variant === 'smoke';
    const run = join(out, `${variant}-fine-tune-${hash(base?.run ?? null, share, config.seed).slice(0, 10)}`);
    reporter.note(`fine-tuning on ${share} % of the labels: ${run}`);
    return this.#timed(run, async () => {
      if (val !== undefined && labels === undefined) {
        throw new U2SegError('wrong-usage', 'fine-tuning wants labels of photos that are not scored: give --labels.');
      }
      const summary = await fineTuneFolder({
        photos: labelPhotos ?? photos,
        gt: labels ?? gt,
        out: run,
        init: base?.run ?? 'none',
        share,
        preset: small ? 'tiny' : config.preset,
        ...(small ? { iterations: 4, size: { shortestEdge: 96, maxSize: 128 } } : {}),
        seed: config.seed,
        ...(val === undefined ? {} : { val: { photos: val, gt } }),
        reporter,
        now,
      });
      return { summary, numbers: annotatedMetrics(summary.metrics) };
    });
  }

  async #fit(config: PipelineConfig): Promise<Outcome> {
    const { photos, gt, val, out, reporter, now, variant } = this.#job;
    // How a run is scored is no part of it: the thresholds of a vote are tried on one and the same run.
    const { evaluate: _evaluate, report: _report, ...identity } = config;
    const run = join(out, `${variant}-${hash(identity, resolve(photos)).slice(0, 10)}`);
    reporter.note(`run ${this.#done.size + 1}: ${run}`);
    return this.#timed(run, async () => {
      const keys = [...sharedStageKeys(stages, config)];
      const reuse = new Map(
        keys.flatMap(([stage, key]): [string, string][] => {
          const folder = this.#stages.get(key);
          return folder === undefined || folder === run ? [] : [[stage, folder]];
        }),
      );
      const result = await fitFolder({
        photos,
        out: run,
        config,
        reuse,
        ...(val === undefined ? { gt } : {}),
        reporter,
        now,
      });
      for (const [, key] of keys) if (!this.#stages.has(key)) this.#stages.set(key, run);
      const { labels } = this.#job;
      const metrics =
        val === undefined
          ? result.metrics
          : await scoreSplit({
              trained: result,
              config,
              photos: val,
              gt,
              reporter,
              ...(labels === undefined ? {} : { labels }),
            });
      const own =
        result.summaryPath === undefined
          ? null
          : (JSON.parse(await readFile(result.summaryPath, 'utf8')) as Record<string, unknown>);
      // What was scored elsewhere, with the hash of its ground truth, is part of no run's own summary.
      const elsewhere = val === undefined || metrics === undefined ? {} : { metrics: metricNumbers(metrics) };
      const summary = own === null ? null : { ...own, ...elsewhere };
      const { reused } = result;
      const numbers = metrics === undefined ? {} : experimentMetrics(metrics);
      return { summary, numbers, ...(reused.length === 0 ? {} : { adopted: [...reused] }) };
    });
  }

  async #timed(run: string, work: () => Promise<Pick<Outcome, 'summary' | 'numbers' | 'adopted'>>): Promise<Outcome> {
    const { now, reporter } = this.#job;
    const start = now();
    const seconds = (): number => (now() - start) / 1000;
    try {
      const done = await work();
      return { run, seconds: seconds(), ...done };
    } catch (cause) {
      const failed = cause instanceof Error ? cause.message : String(cause);
      reporter.warn(`${run}: ${failed}`);
      return { run, seconds: seconds(), summary: null, failed, numbers: {} };
    }
  }
}

/** Every number of a system, over its seeds; null where none has it. */
function meanCells(runs: readonly Outcome['numbers'][]): Omit<MeasuredCell, 'system' | 'data'>[] {
  const metrics = [...new Set(runs.flatMap((numbers) => Object.keys(numbers)))];
  if (runs.length === 1) return metrics.map((metric) => ({ metric, value: runs[0]![metric] ?? null }));
  return metrics.map((metric) => {
    const values = runs.flatMap((numbers) => numbers[metric] ?? []);
    const { mean, deviation } = meanAndDeviation(values);
    return {
      metric,
      value: values.length === 0 ? null : mean,
      ...(Number.isFinite(deviation) ? { deviation } : {}),
      seeds: values.length,
    };
  });
}

function hash(...values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex');
}
