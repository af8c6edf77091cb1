import { golden, type GoldenTensor } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { kMeans, torchRandomPermutation, typedArraysEngine, wasmEngine } from '@u2seg/clustering';

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
  it('draws the initial points torch draws', () => {
    const expected = ints('u2seg_init_index_i32');
    const n = tensors.get('X_f32')!.shape[0]!;
    expect(torchRandomPermutation(n, 0).slice(0, expected.length)).toEqual(expected);
  });
});
