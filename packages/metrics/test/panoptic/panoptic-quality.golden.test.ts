import { readFileSync } from 'node:fs';
import { PanopticQuality, readPanopticJson, type PanopticScore } from '@u2seg/metrics';
import { golden, readPanopticIds } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';

interface Result {
  readonly All: PanopticScore & { n: number };
  readonly Things: PanopticScore & { n: number };
  readonly Stuff: PanopticScore & { n: number };
  readonly per_class: Readonly<Record<string, PanopticScore>>;
  readonly per_class_counts: Readonly<Record<string, { tp: number; fp: number; fn: number; iou_sum: number }>>;
}

const folder = golden('panoptic-eval');

describe.skipIf(folder === undefined)('golden: panoptic quality against panopticapi', () => {
  it('agrees in counts exactly and in scores within 1e-12', () => {
    const result = folder!.json<Result>('result.json');
    const gt = readPanopticJson('gt.json', readFileSync(folder!.file('gt.json')));
    const prediction = readPanopticJson('pred.json', readFileSync(folder!.file('pred.json')), gt.categories);
    const predicted = new Map(prediction.annotations.map((one) => [one.imageId, one]));
    const quality = new PanopticQuality(gt.categories, { mode: 'reference' });
    for (const one of gt.annotations) {
      const other = predicted.get(one.imageId)!;
      quality.update(
        { ids: readPanopticIds(folder!.file(`gt/${one.fileName}`)).ids, segments: one.segments },
        { ids: readPanopticIds(folder!.file(`pred/${other.fileName}`)).ids, segments: other.segments },
        `image ${one.imageId}`,
      );
    }
    const report = quality.compute();
    for (const [ours, theirs] of [
      [report.all, result.All],
      [report.things, result.Things],
      [report.stuff, result.Stuff],
    ] as const) {
      expect([ours.pq, ours.sq, ours.rq]).toBeAllClose([theirs.pq, theirs.sq, theirs.rq], { atol: 1e-12 });
      expect(ours.classes).toBe(theirs.n);
    }
    for (const one of report.perClass) {
      const score = result.per_class[one.categoryId]!;
      const counts = result.per_class_counts[one.categoryId]!;
      expect([one.pq, one.sq, one.rq]).toBeAllClose([score.pq, score.sq, score.rq], { atol: 1e-12 });
      expect([one.tp, one.fp, one.fn]).toEqual([counts.tp, counts.fp, counts.fn]);
      expect(one.iouSum).toBeCloseTo(counts.iou_sum, 11);
    }
  });
});
