import { UnsupervisedSemantics } from '@u2seg/metrics';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';

interface Case {
  readonly name: string;
  readonly n_classes: number;
  readonly extra_clusters: number;
  readonly compute_hungarian: boolean;
  readonly stats_rows_cluster_cols_class: number[][];
  readonly result_percent: { readonly mIoU: number; readonly Accuracy: number };
  readonly assignments: readonly [readonly number[], readonly number[]];
  readonly assignment_as_lookup?: readonly number[];
}

const folder = golden('stego');

describe.skipIf(folder?.has('metrics.json') !== true)("golden: STEGO's unsupervised metrics", () => {
  const cases = folder?.json<Case[]>('metrics.json') ?? [];
  const tensors = folder?.tensors('metrics.safetensors');

  it('has cases to compare with', () => {
    expect(cases.length).toBeGreaterThan(0);
  });

  for (const one of cases) {
    it(`${one.name}: counts exactly, percentages to float32`, () => {
      const metrics = new UnsupervisedSemantics({
        numClasses: one.n_classes,
        extraClusters: one.extra_clusters,
        matching: one.compute_hungarian ? 'hungarian' : 'identity',
        mode: 'reference',
      });
      const prediction = tensors?.get(`${one.name}_pred_i16`);
      const target = tensors?.get(`${one.name}_target_i16`);
      if (prediction !== undefined && target !== undefined) {
        metrics.update(prediction.data as Int16Array, target.data as Int16Array);
      } else {
        metrics.addCounts(one.stats_rows_cluster_cols_class.flat());
      }
      expect([...metrics.counts]).toEqual(one.stats_rows_cluster_cols_class.flat());
      const report = metrics.compute();
      // the reference divides in float32
      expect([100 * report.miou, 100 * report.accuracy]).toBeAllClose(
        [one.result_percent.mIoU, one.result_percent.Accuracy],
        { rtol: 1e-6 },
      );
    });
  }
});
