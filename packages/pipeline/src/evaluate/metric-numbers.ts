import type { CocoStats } from '@u2seg/metrics';
import type { RunMetrics } from './evaluate-stage.ts';

/** The numbers that go into summary.json. */
export function metricNumbers({
  groundTruth,
  classAgnostic,
  classAgnosticBoxes,
  classAware,
  universal,
  semantics,
}: RunMetrics): unknown {
  const number = (value: number): number | null => (Number.isFinite(value) ? value : null);
  const numbers = (stats: CocoStats): unknown =>
    Object.fromEntries(Object.entries(stats).map(([key, value]) => [key, number(value as number)]));
  const each = <T>(values: Readonly<Record<string, T>>, of: (value: T) => unknown): unknown =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, of(value)]));
  return {
    groundTruth,
    classAgnostic: each(classAgnostic, numbers),
    classAgnosticBoxes: each(classAgnosticBoxes, numbers),
    classAware: each(classAware, (results) =>
      Object.fromEntries(
        results.map(({ protocol, matchedClusters, fittedOnScoredData, mapping, bbox, segm }) => [
          protocol,
          {
            matchedClusters,
            fittedOnScoredData,
            thresholds: mapping.thresholds,
            bbox: numbers(bbox.stats),
            ...(segm === undefined ? {} : { segm: numbers(segm.stats) }),
          },
        ]),
      ),
    ),
    universal: Object.fromEntries(
      Object.entries(universal).map(([name, { results }]) => [
        name,
        Object.fromEntries(
          results.map(({ protocol, panoptic, semantic, fittedOnScoredData }) => [
            protocol,
            {
              pq: number(panoptic.all.pq),
              sq: number(panoptic.all.sq),
              rq: number(panoptic.all.rq),
              pqThings: number(panoptic.things.pq),
              pqStuff: number(panoptic.stuff.pq),
              miou: number(semantic.miou),
              pixelAccuracy: number(semantic.pixelAccuracy),
              fittedOnScoredData,
            },
          ]),
        ),
      ]),
    ),
    semantics: Object.fromEntries(
      semantics.map(({ classes, matching, miou, pixelAccuracy, photos, fittedOn }) => [
        `${classes} ${matching}`,
        { miou: number(miou), pixelAccuracy: number(pixelAccuracy), photos, fittedOn },
      ]),
    ),
  };
}
