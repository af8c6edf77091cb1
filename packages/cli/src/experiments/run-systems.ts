/** Runs the systems of an experiment, each configuration once. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import type { PipelineConfig } from '../pipeline/config.ts';
import { fitFolder } from '../pipeline/fit.ts';
import { loadConfig } from '../pipeline/load-config.ts';
import { scoreElsewhere } from '../pipeline/score-elsewhere.ts';
import type { Reporter } from '../progress/reporter.ts';
import { experimentMetrics } from './experiment-metrics.ts';
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
    const outcome = await this.#fit(config);
    this.#done.set(key, outcome);
    return outcome;
  }

  async #fit(config: PipelineConfig): Promise<Outcome> {
    const { photos, gt, val, out, reporter, now, variant } = this.#job;
    // How a run is scored is no part of it: the thresholds of a vote are tried on one and the same run.
    const { evaluate: _evaluate, report: _report, ...identity } = config;
    const run = join(out, `${variant}-${hash(identity, resolve(photos)).slice(0, 10)}`);
    reporter.note(`run ${this.#done.size + 1}: ${run}`);
    const start = now();
    const seconds = (): number => (now() - start) / 1000;
    try {
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
      return { run, seconds: seconds(), summary, numbers: metrics === undefined ? {} : experimentMetrics(metrics) };
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
