import { U2SegError } from '@u2seg/core';

export interface LrSchedule {
  /** Learning rate after warm-up. */
  readonly baseLr: number;
  /** Iterations from which on the rate is multiplied by `gamma` once more. */
  readonly steps: readonly number[];
  readonly gamma: number;
  /** Length of the warm-up, in iterations; 0 for none. */
  readonly warmupIterations: number;
  /** Share of the rate at iteration 0, in [0, 1]. */
  readonly warmupFactor: number;
}

/** U2Seg's configuration file, with detectron2's warm-up; the paper's text says 90,000 iterations. */
export const lrScheduleDefaults: LrSchedule = {
  baseLr: 0.01,
  steps: [210_000, 250_000],
  gamma: 0.02,
  warmupIterations: 1000,
  warmupFactor: 0.001,
};

/**
 * Learning rate of one optimizer step: detectron2's `WarmupMultiStepLR` with linear warm-up.
 *
 * The warm-up runs from `warmupFactor` times the first rate to the rate due at the end of the warm-up.
 *
 * @param iteration - 0 for the first step
 */
export function learningRate(schedule: LrSchedule, iteration: number): number {
  const { baseLr, warmupIterations, warmupFactor } = schedule;
  if (iteration >= warmupIterations) return baseLr * decay(schedule, iteration);
  const share = iteration / warmupIterations;
  const start = warmupFactor * decay(schedule, 0);
  return baseLr * (start * (1 - share) + decay(schedule, warmupIterations) * share);
}

/** Checks a schedule once. @throws U2SegError `out-of-range` */
export function assertLrSchedule(where: string, schedule: LrSchedule): void {
  const { baseLr, steps, gamma, warmupIterations, warmupFactor } = schedule;
  const fine =
    baseLr >= 0 &&
    gamma >= 0 &&
    warmupIterations >= 0 &&
    warmupFactor >= 0 &&
    steps.every((step, i) => step > 0 && (i === 0 || step > steps[i - 1]!));
  if (!fine) {
    throw new U2SegError(
      'out-of-range',
      `${where}: baseLr, gamma, warmupIterations and warmupFactor must be >= 0 and steps ascending, got ${JSON.stringify(schedule)}.`,
    );
  }
}

function decay(schedule: LrSchedule, iteration: number): number {
  return schedule.gamma ** schedule.steps.filter((step) => step <= iteration).length;
}
