/** What a stage is to the whole run: a row of the table in `stages.ts`. */
import { U2SegError, type OnProgress } from '@u2seg/core';
import type { PhotoListing } from '@u2seg/datasets';
import type { PartialConfig, PipelineConfig } from '../config/config.ts';
import type { Shard } from './partitions.ts';
import type { Reporter } from './reporter.ts';
import type { RunDirectory } from './run-directory.ts';

/** Something a run has once it was made; what makes it is a stage, or `fitFolder` itself. */
export interface Part<T> {
  readonly name: string;
  /** Never set: it only carries the type. */
  readonly value?: T;
}

/** A line about a stage in the report. */
export interface StageLine {
  readonly items: number;
  readonly detail: string;
}

/**
 * A stage: what it is called, what it needs, what it does, and what others say of it.
 *
 * @example
 * ```ts
 * // Counts the proposals of every photo; `fitFolder({ photos, out, stages: [...stages, countStage] })` runs it last.
 * const countStage: Stage<number> = {
 *   name: 'count',
 *   title: 'Proposals',
 *   needs: [proposeStage],
 *   run: async ({ results }) => results.of(proposeStage).counts.proposals,
 *   describe: (count) => `${count} proposals`,
 * };
 * ```
 */
export interface Stage<T = unknown> extends Part<T> {
  /** Also the folder below `stages/` of a run that stores something. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Parts without which the stage is left out. */
  readonly needs: readonly Part<unknown>[];
  /** The command that runs the pipeline up to this stage. */
  readonly command?: StageCommand;
  /** Whether shards of a run may do it side by side; a call for one shard ends here. */
  readonly divides?: boolean;
  /** Whether a configuration has the stage at all; by default all have. */
  wanted?(config: PipelineConfig): boolean;
  /** Runs before the first stage that takes long: what would fail hours later fails now. */
  prepare?(context: FitContext): Promise<void>;
  /** @returns undefined where there is nothing to hand on */
  run(context: FitContext): Promise<T | undefined>;
  /** What is said when it is done; `folder` is the run's. */
  describe(value: T, folder: string): string;
  /** What is said where it had nothing to hand on. */
  readonly nothing?: string;
  /** Says what else people should know. */
  remark?(value: T, reporter: Reporter): void;
  /** How another run on the same photos may have done the same: the settings that matter, and the stage before. */
  readonly reuse?: { readonly after?: Stage; settings(config: PipelineConfig): unknown };
  /** Lines of the report; none by default. */
  reportLines?(results: Results): readonly StageLine[];
  /** What stands in `summary.json` below `stages`. */
  summary?(results: Results): unknown;
  /** Sentences about what looks wrong. */
  warnings?(results: Results): readonly string[];
  /** Settings small enough for a few synthetic scenes in seconds. */
  readonly smoke?: PartialConfig;
}

export interface StageCommand {
  readonly name: string;
  readonly description: string;
  /** Whether it takes `--shard`. */
  readonly shard?: boolean;
}

/** What the stages of one call of `fitFolder` are given. */
export interface FitContext {
  readonly run: RunDirectory;
  readonly config: PipelineConfig;
  readonly reporter: Reporter;
  readonly onProgress: OnProgress;
  /** Folder of photos, and what lies in it. */
  readonly photos: string;
  readonly listing: PhotoListing;
  /** COCO panoptic JSON. */
  readonly gt?: string;
  readonly shard?: Shard;
  /** Worker threads; by default one a core. */
  readonly workers?: number;
  /** All stages of the run, in order. */
  readonly stages: readonly Stage[];
  /** What there is so far. */
  readonly results: Results;
  /** Seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** Parts of a run, each by what makes it. */
export class Results {
  readonly #values = new Map<Part<unknown>, unknown>();

  /** undefined where the part was not reached. */
  get<T>(part: Part<T>): T | undefined {
    return this.#values.get(part) as T | undefined;
  }

  /** @throws U2SegError `conflict` for a part that was not reached: a stage names what it needs */
  of<T>(part: Part<T>): T {
    if (!this.#values.has(part)) {
      throw new U2SegError('conflict', `${part.name}: is wanted by a stage that does not name it in its needs.`);
    }
    return this.#values.get(part) as T;
  }

  has(part: Part<unknown>): boolean {
    return this.#values.has(part);
  }

  set<T>(part: Part<T>, value: T): void {
    this.#values.set(part, value);
  }
}
