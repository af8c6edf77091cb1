/** Where points are lost: per class, worst photos, kinds of errors, meaning of scores. */
import {
  breakDownErrors,
  calibrateScores,
  rankImages,
  type CocoCategoryScore,
  type CocoDetections,
  type CocoGroundTruth,
  type IouType,
  type PanopticClassScore,
  type SemanticClassScore,
} from '@u2seg/metrics';
import { cocoTable, percent, type MetricTable } from '../evaluate/metric-tables.ts';
import type { EvaluationOptions } from './evaluation.ts';

const inPercent = 'Percent; - where the ground truth has none.';

export function instanceClassTable(
  name: string,
  scores: readonly CocoCategoryScore[],
  maxDetections?: readonly number[],
): MetricTable {
  const stats = Object.fromEntries(scores.map((one) => [one.categoryId, one]));
  const { columns, rows } = cocoTable('', '', stats, maxDetections);
  const names = new Map(scores.map((one) => [`${one.categoryId}`, one.name]));
  return {
    title: `Per class: ${name}`,
    protocol: inPercent,
    columns: ['class', ...columns.slice(1)],
    rows: rows.map(([id, ...values]) => [names.get(id!)!, ...values]),
  };
}

export function panopticClassTable(name: string, scores: readonly PanopticClassScore[]): MetricTable {
  return {
    title: `Per class: ${name}`,
    protocol: 'Percent, and segments found, found in vain and missed; classes that occur in neither are left out.',
    columns: ['class', '', 'PQ', 'SQ', 'RQ', 'TP', 'FP', 'FN'],
    rows: scores
      .filter(({ tp, fp, fn }) => tp + fp + fn > 0)
      .map(({ name: label, isThing, pq, sq, rq, tp, fp, fn }) => [
        label,
        isThing ? 'thing' : 'stuff',
        percent(pq),
        percent(sq),
        percent(rq),
        `${tp}`,
        `${fp}`,
        `${fn}`,
      ]),
  };
}

export function semanticClassTable(name: string, scores: readonly SemanticClassScore[]): MetricTable {
  return {
    title: `Per class: ${name}`,
    protocol: inPercent,
    columns: ['class', 'IoU', 'accuracy', 'pixels'],
    rows: scores.map((one) => [one.name, percent(one.iou), percent(one.accuracy), `${one.pixels}`]),
  };
}

export function worstTable(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  worst: number,
): MetricTable {
  return {
    title: `Worst photos: ${name}`,
    protocol: `The ${Math.min(worst, rows.length)} worst of ${rows.length}; percent.`,
    columns: ['photo', ...columns],
    rows: rows.slice(0, worst),
  };
}

/** Tables of boxes or masks with classes, and the same for programs. */
export function instanceDetails(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  iouType: IouType,
  { worst, errors, calibration }: EvaluationOptions,
): { readonly tables: MetricTable[]; readonly report: Record<string, unknown> } {
  const tables: MetricTable[] = [];
  const report: Record<string, unknown> = {};
  const kind = iouType === 'bbox' ? 'boxes' : 'masks';
  if (worst !== undefined) {
    const ranked = rankImages(gt, dt, { iouType });
    report['worst'] = ranked.slice(0, worst);
    const rows = ranked.map((one) => [one.fileName, percent(one.f1), `${one.tp}`, `${one.fp}`, `${one.fn}`]);
    tables.push(worstTable(`${kind}, IoU 0.5, score 0.5`, ['F1', 'TP', 'FP', 'FN'], rows, worst));
  }
  if (errors === true) {
    const breakdown = breakDownErrors(gt, dt, { iouType });
    report['errors'] = { ap: breakdown.ap, errors: breakdown.errors, options: breakdown.options };
    tables.push({
      title: `Errors: ${kind}`,
      protocol: `AP at IoU ${breakdown.options.iou} is ${percent(breakdown.ap)}; each kind repaired alone would give so much more (TIDE, arXiv:2008.08115).`,
      columns: ['error', 'count', 'AP lost'],
      rows: Object.entries(breakdown.errors).map(([error, { count, deltaAp }]) => [
        error,
        `${count}`,
        (100 * deltaAp).toFixed(2),
      ]),
    });
  }
  if (calibration === true) {
    const found = calibrateScores(gt, dt, { iouType });
    report['calibration'] = found;
    tables.push({
      title: `Calibration: ${kind}`,
      protocol: `Whether a score of 0.8 is right 8 times in 10, at IoU ${found.options.iou}: expected error ${percent(found.expectedError)}, largest ${percent(found.maximumError)}.`,
      columns: ['scores', 'detections', 'mean score', 'right'],
      rows: found.bins.map((bin) => [
        `${bin.low.toFixed(1)} to ${bin.high.toFixed(1)}`,
        `${bin.count}`,
        percent(bin.meanScore),
        percent(bin.precision),
      ]),
    });
  }
  return { tables, report };
}
