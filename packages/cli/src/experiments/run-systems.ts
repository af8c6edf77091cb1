/** Runs the systems of an experiment, each configuration once. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { fineTuneFolder } from '../fine-tuning/fine-tune.ts';
import type { PipelineConfig } from '../pipeline/config.ts';
import { fitFolder } from '../pipeline/fit.ts';
import { loadConfig } from '../pipeline/load-config.ts';
import { scoreElsewhere } from '../pipeline/score-elsewhere.ts';
import type { Reporter } from '../progress/reporter.ts';
import { annotatedMetrics, experimentMetrics } from './experiment-metrics.ts';
import type { ListedExperiment, ListedSystem } from './experiment-module.ts';
import type { ExperimentRecord, ExperimentVariant, MeasuredCell, MeasuredSystem } from './experiment-record.ts';
import { smokeSystem } from './smoke-variant.ts';

export interface ExperimentJob {
  readonly variant: ExperimentVariant;
  /** Photos the systems learn from. */
  readonly photos: string;
  /** COCO panoptic JSON: of `val` where it is given, of `photos` otherwise. */
  readonly gt: string;
  /** Photos scored, when they are others than those learned from. */
  readonly val?: string;
  /** COCO JSON of `photos`, of which fine-tuning takes a share; `gt` unless `val` is given. */
  readonly labels?: string;
  /** Name of the data set scored, as the tables have it. */
  readonly data?: string;
  /** Folder of the runs. */
  readonly out: string;
  readonly reporter: Reporter;
  readonly now: () => number;
}

type Outcome = Pick<MeasuredSystem, 'run' | 'seconds' | 'summary' | 'failed'> & {
  readonly numbers: Readonly<Record<string, number | null>>;
};

/** Runs systems and remembers what they gave, so that tables that share one do not repeat it. */
export class SystemRunner {
  readonly #job: ExperimentJob;
  readonly #done = new Map<string, Outcome>();

  constructor(job: ExperimentJob) {
    this.#job = job;
  }

  /** A system that fails is part of the record, with its reason; the others go on. */
  async run(experiment: ListedExperiment): Promise<ExperimentRecord> {
    const { variant, data, val, photos } = this.#job;
    const systems: MeasuredSystem[] = [];
    const cells: MeasuredCell[] = [];
    const of = data === undefined ? {} : { data };
    for (const system of experiment.systems) {
      const { config, replaced } =
        variant === 'smoke'
          ? await smokeSystem(system.settings)
          : { config: await loadConfig({ preset: system.preset, set: system.settings }), replaced: [] };
      const { numbers, ...outcome } = await this.#outcome(config, system);
      const trained = val === undefined ? {} : { trainedOn: resolve(photos) };
      systems.push({ id: system.id, ...of, ...outcome, ...trained, replaced: [...replaced] });
      for (const [metric, value] of Object.entries(numbers)) cells.push({ system: system.id, metric, ...of, value });
    }
    return {
      format: 'u2seg-experiment-record/2',
      id: experiment.id,
      variant,
      machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores`,
      systems,
      cells,
    };
  }

  async #outcome(config: PipelineConfig, { fineTune }: ListedSystem): Promise<Outcome> {
    const key = hash(config, fineTune ?? null);
    const known = this.#done.get(key);
    if (known !== undefined) return known;
    const outcome = fineTune === undefined ? await this.#fit(config) : await this.#fineTune(config, fineTune);
    this.#done.set(key, outcome);
    return outcome;
  }

  async #fineTune(config: PipelineConfig, { share, from }: NonNullable<ListedSystem['fineTune']>): Promise<Outcome> {
    const base =
      from === 'own' ? await this.#outcome(config, { id: '', preset: config.preset, settings: [] }) : undefined;
    if (base?.failed !== undefined) return base;
    const { photos, gt, val, labels, out, reporter, now, variant } = this.#job;
    const small = variant === 'smoke';
    const run = join(out, `${variant}-fine-tune-${hash(base?.run ?? null, share, config.seed).slice(0, 10)}`);
    reporter.note(`fine-tuning on ${share} % of the labels: ${run}`);
    return this.#timed(run, async () => {
      if (val !== undefined && labels === undefined) {
        throw new U2SegError('wrong-usage', 'fine-tuning wants the labels of --photos too: give --labels.');
      }
      const summary = await fineTuneFolder({
        photos,
        gt: labels ?? gt,
        out: run,
        init: base?.run ?? 'none',
        // Of eight scenes a hundredth is none.
        share: small ? 50 : share,
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
      const result = await fitFolder({
        photos,
        out: run,
        config,
        ...(val === undefined ? { gt } : {}),
        reporter,
        now,
      });
      const metrics =
        val === undefined ? result.metrics : await scoreElsewhere({ run, config, photos: val, gt, reporter });
      const summary: unknown =
        result.summaryPath === undefined ? null : JSON.parse(await readFile(result.summaryPath, 'utf8'));
      return { summary, numbers: metrics === undefined ? {} : experimentMetrics(metrics) };
    });
  }

  async #timed(run: string, work: () => Promise<Pick<Outcome, 'summary' | 'numbers'>>): Promise<Outcome> {
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

function hash(...values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex');
}
