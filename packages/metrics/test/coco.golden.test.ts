import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import {
  cocoStatNames,
  evaluateClassAgnostic,
  evaluateCoco,
  readCocoGroundTruth,
  readCocoResults,
  type CocoParameters,
  type CocoReport,
  type IouType,
} from '@u2seg/metrics';

interface Run {
  readonly iouType: IouType;
  readonly useCats: number;
  readonly maxDets: readonly number[];
  readonly stats: readonly number[];
  readonly per_category_AP: Readonly<Record<string, number | null>>;
  readonly precision_float64_sha256: string;
  readonly recall_float64_sha256: string;
}

const folder = golden('coco-eval');
const orNaN = (value: number | null): number => (value === null || value === -1 ? Number.NaN : value);
const sha256 = (values: Float64Array): string =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

describe.skipIf(folder === undefined)('golden: COCO AP and AR against pycocotools', () => {
  const runs = folder?.json<{ runs: Record<string, Run> }>('eval.json').runs ?? {};
  const gt = readCocoGroundTruth('gt.json', readFileSync(folder?.file('gt.json') ?? ''));
  const dt = readCocoResults('results.json', readFileSync(folder?.file('results.json') ?? ''), gt);
  const tensors = folder?.tensors('precision_recall.safetensors');

  const evaluate = (name: string, run: Run): CocoReport => {
    const parameters: CocoParameters = {
      iouType: run.iouType,
      maxDetections: run.maxDets,
      mode: 'reference',
      detectionArea: name.includes('keep_bbox_area') ? 'box' : 'auto',
    };
    // the golden's maxDets runs were made class-agnostic too: one category in the result says so
    if (run.useCats === 0) return evaluateCoco(gt, dt, { ...parameters, useCategories: false });
    if (Object.keys(run.per_category_AP).length === 1) return evaluateClassAgnostic(gt, dt, parameters);
    return evaluateCoco(gt, dt, parameters);
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
  }
});
