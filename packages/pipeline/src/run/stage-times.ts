import { writeFileAtomic } from '@u2seg/core';
import { readJsonFile } from '@u2seg/interchange';
import { z } from 'zod';
import { machine } from './provenance.ts';
import type { RunDirectory } from './run-directory.ts';

const schema = z.object({ stages: z.record(z.string(), z.number()), peakMemoryMiB: z.number() }).loose();

/**
 * Seconds each stage took and the peak memory, summed over interrupted and resumed runs. Kept apart from the summary, which
 * is the same for every run of the same configuration.
 */
export class StageTimes {
  readonly #run: RunDirectory;
  readonly #now: () => number;
  readonly #seconds: Record<string, number>;
  #peak: number;

  private constructor(run: RunDirectory, now: () => number, seconds: Record<string, number>, peak: number) {
    this.#run = run;
    this.#now = now;
    this.#seconds = seconds;
    this.#peak = peak;
  }

  static async open(run: RunDirectory, now: () => number): Promise<StageTimes> {
    // A broken file of times is no reason to stop a run.
    const earlier = await readJsonFile(run.path('timing.json'), schema).catch(() => undefined);
    return new StageTimes(run, now, { ...earlier?.stages }, earlier?.peakMemoryMiB ?? 0);
  }

  get seconds(): Readonly<Record<string, number>> {
    return this.#seconds;
  }

  async measure<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const started = this.#now();
    const stop = (): void => {
      this.#seconds[stage] = (this.#seconds[stage] ?? 0) + (this.#now() - started) / 1000;
    };
    let value: T;
    try {
      value = await work();
    } catch (cause) {
      stop();
      // What went wrong is worth more than the times, which a full disk would refuse as well.
      await this.save().catch(() => undefined);
      throw cause;
    }
    stop();
    await this.save();
    return value;
  }

  async save(): Promise<void> {
    // maxRSS is in kibibytes on every platform Node runs on
    this.#peak = Math.max(this.#peak, Math.round(process.resourceUsage().maxRSS / 1024));
    const stages = Object.fromEntries(
      Object.entries(this.#seconds).map(([name, value]) => [name, Number(value.toFixed(2))]),
    );
    await writeFileAtomic(
      this.#run.path('timing.json'),
      `${JSON.stringify({ machine: machine(), stages, peakMemoryMiB: this.#peak }, undefined, 2)}\n`,
    );
  }
}
