import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import {
  cocoDefaults,
  cocoStatNames,
  evaluateClassAgnostic,
  evaluateCoco,
  readCocoGroundTruth,
  readCocoResults,
  type CocoDetections,
  type CocoGroundTruth,
  type CocoParameters,
  type CocoReport,
  type IouType,
} from '@u2seg/metrics';
import { matchInstances } from '@u2seg/metrics/internal';

interface Run {
  readonly iouType: IouType;
  readonly useCats: number;
  readonly maxDets: readonly number[];
  readonly stats: readonly number[];
  readonly per_category_AP: Readonly<Record<string, number | null>>;
  readonly precision_float64_sha256: string;
  readonly recall_float64_sha256: string;
  readonly per_image_matches_area_all_first40: readonly {
    readonly image_id: number;
    readonly category_id: number;
    readonly dtIds: readonly number[];
    readonly 'dtMatches_iou0.5': readonly number[];
    readonly 'dtIgnore_iou0.5': readonly number[];
  }[];
}

const folder = golden('coco-eval');
const orNaN = (value: number | null): number => (value === null || value === -1 ? Number.NaN : value);
const sha256 = (values: Float64Array): string =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

describe.skipIf(folder === undefined)('golden: COCO AP and AR against pycocotools', () => {
  const runs = folder?.json<{ runs: Record<string, Run> }>('eval.json').runs ?? {};
  const tensors = folder?.tensors('precision_recall.safetensors');
  // a skipped suite is still collected, so files are read inside the tests
  let data: { gt: CocoGroundTruth; dt: CocoDetections } | undefined;
  const read = (): { gt: CocoGroundTruth; dt: CocoDetections } => {
    if (data === undefined) {
      const gt = readCocoGroundTruth('gt.json', readFileSync(folder!.file('gt.json')));
      data = { gt, dt: readCocoResults('results.json', readFileSync(folder!.file('results.json')), gt) };
    }
    return data;
  };

  it('has runs to compare with', () => {
    expect(Object.keys(runs).length).toBeGreaterThan(0);
  });

  const parametersOf = (name: string, run: Run): CocoParameters => ({
    iouType: run.iouType,
    maxDetections: run.maxDets,
    useCategories: run.useCats === 1,
    mode: 'reference',
    detectionArea: name.includes('keep_bbox_area') ? 'box' : 'auto',
  });
  /** One category in the result: the run was class-agnostic. */
  const isAgnostic = (run: Run): boolean => run.useCats === 1 && Object.keys(run.per_category_AP).length === 1;

  const evaluate = (name: string, run: Run): CocoReport => {
    const { gt, dt } = read();
    const parameters = parametersOf(name, run);
    return isAgnostic(run) ? evaluateClassAgnostic(gt, dt, parameters) : evaluateCoco(gt, dt, parameters);
  };

  for (const [name, run] of Object.entries(runs)) {
    if (run.precision_float64_sha256 === undefined) continue;
    it(`${name}: twelve numbers, every category, every point of the curves`, () => {
      const report = evaluate(name, run);
      expect(cocoStatNames.map((stat) => report.stats[stat])).toBeAllClose(run.stats.map(orNaN), { atol: 1e-12 });
      const wanted = Object.entries(run.per_category_AP);
      const byId = new Map(report.perCategory.map((category) => [String(category.categoryId), category.ap]));
      const actual = wanted.map(([id]) => (wanted.length === 1 ? report.perCategory[0]!.ap : byId.get(id)!));
      expect(actual).toBeAllClose(
        wanted.map(([, ap]) => orNaN(ap)),
        { atol: 1e-12 },
      );
      // identical to the last bit, all T x R x K x A x M values
      expect(sha256(report.curves.precision)).toBe(run.precision_float64_sha256);
      expect(sha256(report.curves.recall)).toBe(run.recall_float64_sha256);
      for (const part of ['precision', 'recall', 'scores'] as const) {
        const tensor = [...(tensors ?? [])].find(([key]) => key === `${name}.${part}`)?.[1];
        if (tensor === undefined) continue;
        expect(report.curves[part]).toBeAllClose(tensor.data as Float32Array, { atol: 1e-7 });
      }
    });

    it(`${name}: the matches of single images`, () => {
      const { gt, dt } = read();
      const agnostic = isAgnostic(run);
      const single = (columns: CocoDetections): CocoDetections => ({
        ...columns,
        categoryIndex: new Int32Array(columns.length),
      });
      const rows = matchInstances(
        agnostic
          ? {
              ...gt,
              categories: [{ id: 1, name: 'object' }],
              annotations: { ...gt.annotations, categoryIndex: new Int32Array(gt.annotations.length) },
            }
          : gt,
        agnostic ? single(dt) : dt,
        { ...cocoDefaults, ...parametersOf(name, run) },
        true,
      );
      for (const one of run.per_image_matches_area_all_first40) {
        const category =
          agnostic || run.useCats === 0 ? 0 : gt.categories.findIndex((category) => category.id === one.category_id);
        const own = [...rows.detection.keys()].filter(
          (row) => rows.imageId[row] === one.image_id && rows.category[row] === category,
        );
        expect(own.map((row) => rows.detection[row]! + 1)).toEqual(one.dtIds);
        const gtIds = own.map((row) => (rows.matchedGt![row]! < 0 ? 0 : gt.annotations.ids[rows.matchedGt![row]!]));
        expect(gtIds).toEqual(one['dtMatches_iou0.5']);
        expect(own.map((row) => rows.ignored[row * rows.numAreas]! & 1)).toEqual(one['dtIgnore_iou0.5'].map(Number));
      }
    });
  }
});
