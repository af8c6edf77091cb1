import { golden, type GoldenTensor } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import {
  clusterInstances,
  kMeans,
  knnMeanSquaredDistance,
  torchRandomPermutation,
  typedArraysEngine,
  wasmEngine,
} from '@u2seg/clustering';

interface FaissStat {
  readonly obj: number;
  readonly nsplit: number;
}
interface Run {
  readonly spherical?: boolean;
  readonly iteration_stats?: readonly FaissStat[];
}
interface Summary {
  readonly K: number;
  readonly D: number;
  readonly niter: number;
  readonly runs: Readonly<Record<string, Run>>;
  readonly u2seg_empty_keops_cpu: { readonly nan_rows_final: readonly number[] };
  readonly u2seg: { readonly K: number; readonly Niter: number; readonly seed: number };
}

const folder = golden('kmeans');
const summary = folder?.json<Summary>('kmeans.json');
const tensors = folder?.tensors('kmeans.safetensors') ?? new Map<string, GoldenTensor>();
const floats = (name: string): Float32Array => tensors.get(name)!.data as Float32Array;
const ints = (name: string): Int32Array => tensors.get(name)!.data as Int32Array;
const runs = Object.entries(summary?.runs ?? {});

it.skipIf(folder === undefined)('golden k-means: the folder holds runs', () => {
  expect(runs.length).toBeGreaterThan(0);
});

describe.each(runs)('golden k-means %s', (name, run) => {
  const empty = name.includes('_empty');
  const unit = name.includes('spherical') && !name.includes('_on_raw');
  const spherical = run.spherical === true;
  const points = floats(unit ? 'X_unit_f32' : 'X_f32');
  const start = { centroids: floats(`init${unit ? '_unit' : ''}${empty ? '_with_empty' : ''}_f32`) };
  const options = {
    dim: points.length / tensors.get('X_f32')!.shape[0]!,
    k: start.centroids.length / tensors.get('X_f32')!.shape[1]!,
    metric: spherical ? ('spherical' as const) : ('l2' as const),
    emptyClusters: name.startsWith('sklearn') ? ('scikit-learn' as const) : ('faiss' as const),
    start,
    maxIterations: summary!.niter,
  };

  it.each([typedArraysEngine(), wasmEngine({ threads: 0 })])('on $name', async (engine) => {
    const first = await kMeans(points, { ...options, engine, maxIterations: 1, assignments: 'before-last-update' });
    expect(first.centroids).toBeAllClose(floats(`${name}_centroids_after_1_f32`), { atol: 1e-5 });
    const initial = tensors.get(`${name}_assign_initial_i32`);
    if (initial !== undefined) expect(first.assignments).toEqual(initial.data);

    const result = await kMeans(points, { ...options, engine });
    expect(result.assignments).toEqual(ints(`${name}_assign_i32`));
    expect(result.centroids).toBeAllClose(floats(`${name}_centroids_f32`), { atol: 1e-5 });
    const stats = run.iteration_stats;
    if (stats !== undefined) {
      const objectives = stats.map((stat) => stat.obj).slice(0, result.inertia.length);
      expect(result.inertia.slice(0, objectives.length)).toBeAllClose(objectives, { rtol: 2e-6 });
      expect(result.numSplits).toBe(stats.reduce((sum, stat) => sum + stat.nsplit, 0));
    }
    const inertias = Object.entries(run).find(([key]) => key.startsWith('inertia_of_run'))?.[1] as number[] | undefined;
    if (inertias !== undefined) {
      const common = Math.min(inertias.length, result.inertia.length - 1);
      expect(result.inertia.slice(1, 1 + common)).toBeAllClose(inertias.slice(0, common), { rtol: 2e-6 });
    }
  });
});

describe.skipIf(folder === undefined)('golden k-means of U2Seg', () => {
  const points = (): Float32Array => floats('X_f32');
  const shape = tensors.get('X_f32')?.shape ?? [0, 0];
  const options = { dim: shape[1]!, k: summary?.u2seg.K ?? 0, maxIterations: summary?.u2seg.Niter ?? 0 };
  const reference = { ...options, mode: 'reference' as const, seed: summary?.u2seg.seed ?? 0 };

  it('draws the initial points torch draws', () => {
    const expected = ints('u2seg_init_index_i32');
    expect(torchRandomPermutation(shape[0]!, reference.seed).slice(0, expected.length)).toEqual(expected);
  });

  it('clusters instances to its labels and centroids', async () => {
    const byOwnDraw = await clusterInstances(points(), reference);
    const byGivenRows = await clusterInstances(points(), { ...reference, startRows: ints('u2seg_init_index_i32') });
    expect(byOwnDraw.assignments).toEqual(ints('u2seg_labels_i32'));
    expect(byOwnDraw.centroids).toBeAllClose(floats('u2seg_centroids_f32'), { atol: 1e-5 });
    expect(byGivenRows.assignments).toEqual(byOwnDraw.assignments);
  });

  it('lets an empty cluster turn NaN and never chooses it again', async () => {
    const [to, from] = ints('u2seg_empty_X_changed_row_i32');
    const changed = points().slice();
    changed.copyWithin(to! * options.dim, from! * options.dim, (from! + 1) * options.dim);
    const result = await clusterInstances(changed, { ...reference, startRows: ints('u2seg_init_index_i32') });
    const expected = floats('u2seg_empty_keops_centroids_f32').slice();
    // The file holds a finite placeholder in the rows that are NaN.
    for (const row of summary!.u2seg_empty_keops_cpu.nan_rows_final) {
      expected.fill(NaN, row * options.dim, (row + 1) * options.dim);
    }
    expect(result.assignments).toEqual(ints('u2seg_empty_keops_labels_i32'));
    expect(result.centroids).toBeAllClose(expected, { atol: 1e-5 });
  });

  it('estimates its density', () => {
    const name = [...tensors.keys()].find((key) => /^u2seg_knn\d+_mean/u.test(key))!;
    const neighbors = Number(/knn(\d+)/u.exec(name)![1]);
    expect(knnMeanSquaredDistance(points(), { dim: options.dim, neighbors })).toBeAllClose(floats(name), {
      ofMax: 2e-6,
    });
  });
});
