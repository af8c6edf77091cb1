/** Points of a curve, made few enough to draw. */
import { U2SegError } from '@u2seg/core';
import type { ReportSeries } from './report-input.ts';

/** A series ready to draw: `y` is null where the value was not finite. */
export interface CurveLine {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** Values that were not finite, before thinning. */
  readonly notFinite: number;
}

/**
 * Thins a series to about `maxPoints`: the points are cut into stretches of equal count, and of each the first, the lowest
 * and the highest value stay, so that spikes stay visible.
 *
 * @throws U2SegError `out-of-range` for an x that is not finite or falls
 */
export function curveLine(where: string, { name, points }: ReportSeries, maxPoints: number): CurveLine {
  let previous = -Infinity;
  for (const [i, [x]] of points.entries()) {
    if (!Number.isFinite(x) || x < previous) {
      throw new U2SegError(
        'out-of-range',
        `${where}: points[${i}] must have an x that is finite and never falls, got ${x}.`,
      );
    }
    previous = x;
  }
  const kept = points.length <= maxPoints ? points : thinned(points, maxPoints);
  return {
    name,
    x: kept.map(([x]) => x),
    y: kept.map(([, y]) => (Number.isFinite(y) ? y : null)),
    notFinite: points.reduce((count, [, y]) => count + (Number.isFinite(y) ? 0 : 1), 0),
  };
}

function thinned(points: ReportSeries['points'], maxPoints: number): ReportSeries['points'] {
  const stretches = Math.max(1, Math.floor((maxPoints - 1) / 4));
  const kept = new Set<number>();
  for (let s = 0; s < stretches; s += 1) {
    const from = Math.floor((s * points.length) / stretches);
    const to = Math.floor(((s + 1) * points.length) / stretches);
    let lowest = from;
    let highest = from;
    let gap = -1;
    for (let i = from; i < to; i += 1) {
      const y = points[i]![1];
      if (!Number.isFinite(y)) gap = i;
      if (y < points[lowest]![1] || !Number.isFinite(points[lowest]![1])) lowest = i;
      if (y > points[highest]![1] || !Number.isFinite(points[highest]![1])) highest = i;
    }
    for (const i of [from, lowest, highest, gap]) if (i >= 0) kept.add(i);
  }
  kept.add(points.length - 1);
  return [...kept].sort((a, b) => a - b).map((i) => points[i]!);
}
