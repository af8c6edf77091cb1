import { SemanticConfusion } from '@u2seg/metrics';
import { golden, readPng } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';

interface Result {
  readonly num_classes: number;
  readonly ignore_label: number;
  readonly conf_matrix_pred_rows_gt_cols_last_is_ignore: number[][];
  readonly boundary_conf_matrix: number[][];
  readonly results_percent: Readonly<Record<string, number | null>>;
}

const folder = golden('semseg-eval');

describe.skipIf(folder === undefined)("golden: semantic scores against detectron2's evaluator", () => {
  it('agrees in every count, and in every score within 1e-10', () => {
    const result = folder!.json<Result>('result.json');
    const names = Object.keys(result.results_percent)
      .filter((key) => key.startsWith('IoU-'))
      .map((key) => key.slice(4));
    expect(names).toHaveLength(result.num_classes);
    const confusion = new SemanticConfusion(names, {
      ignoreLabel: result.ignore_label,
      boundary: true,
      voidPredictions: 'left-out',
      wrapBoundaryCounts: true,
    });
    for (const file of folder!.list(/^gt.*\.png$/u)) {
      const gt = readPng(folder!.file(file));
      const prediction = readPng(folder!.file(file.replace('gt', 'pred')));
      confusion.update(prediction.data, gt.data, gt.height, gt.width, file);
    }
    expect([...confusion.matrix]).toEqual(result.conf_matrix_pred_rows_gt_cols_last_is_ignore.flat());
    expect([...confusion.boundaryMatrix]).toEqual(result.boundary_conf_matrix.flat());
    const report = confusion.compute();
    const ours: Record<string, number> = {
      mIoU: report.miou,
      fwIoU: report.frequencyWeightedIou,
      mACC: report.meanAccuracy,
      pACC: report.pixelAccuracy,
    };
    for (const one of report.perClass) {
      ours[`IoU-${one.name}`] = one.iou;
      ours[`ACC-${one.name}`] = one.accuracy;
      ours[`BoundaryIoU-${one.name}`] = one.boundaryIou;
      ours[`min(IoU, B-Iou)-${one.name}`] = one.minIou;
    }
    const keys = Object.keys(result.results_percent);
    expect(keys.map((key) => 100 * ours[key]!)).toBeAllClose(
      keys.map((key) => result.results_percent[key] ?? Number.NaN),
      { atol: 1e-10 },
    );
  });
});
