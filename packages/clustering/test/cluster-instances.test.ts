import { assignPoints, clusterInstances, instanceClusterPresets, nearestExemplars } from '@u2seg/clustering';
import { seededRng } from '@u2seg/core';
import { describe, expect, it } from 'vitest';

describe('clusterInstances', () => {
  it('returns nothing for nothing, and says so', async () => {
    const result = await clusterInstances(new Float32Array(0), { dim: 4 });
    expect(result).toMatchObject({ k: 0, warnings: ['No instances to cluster.'] });
  });

  it('clips K to the number of instances, with a warning', async () => {
    const result = await clusterInstances(Float32Array.of(1, 0, 0, 1, 1, 1), { dim: 2, k: 800 });
    expect(result.k).toBe(3);
    expect(new Set(result.assignments).size).toBe(3);
    expect(result.warnings).toEqual(['800 clusters were asked for 3 instances; 3 were made.']);
  });

  it('ignores the length of an embedding by default, and not in reference mode', async () => {
    const features = Float32Array.of(1, 0, 100, 1, 0, 1, 1, 100);
    const ours = await clusterInstances(features, { dim: 2, k: 2 });
    expect(ours.assignments[0]).toBe(ours.assignments[1]);
    expect(ours.assignments[2]).toBe(ours.assignments[3]);
    const reference = await clusterInstances(features, { dim: 2, k: 2, mode: 'reference', startRows: [0, 1] });
    expect(reference.assignments[0]).toBe(reference.assignments[2]);
  });

  it.each(Object.entries(instanceClusterPresets))('fills every cluster of preset %s', async (_, preset) => {
    const rng = seededRng(1);
    const n = preset.k + 200;
    const features = Float32Array.from({ length: n * 6 }, () => rng() - 0.5);
    const result = await clusterInstances(features, { ...preset, dim: 6, maxIterations: 3, seed: 7 });
    expect(result.k).toBe(preset.k);
    expect(result.counts.reduce((a, b) => a + b, 0)).toBe(n);
    const again = await clusterInstances(features, { ...preset, dim: 6, maxIterations: 3, seed: 7 });
    expect(again.assignments).toEqual(result.assignments);
  });
});

describe('nearestExemplars', () => {
  it('lists the nearest points of each cluster, ties by row', () => {
    const lists = nearestExemplars(Float32Array.of(0, 2, 1, 9, 11), Float32Array.of(1, 10, 50), [0, 0, 0, 1, 1], {
      dim: 1,
      perCluster: 2,
    });
    expect(lists.map((list) => list.map(({ row }) => row))).toEqual([[2, 0], [3, 4], []]);
    expect(lists[0]![1]!.squaredDistance).toBe(1);
  });
});

describe('assignPoints', () => {
  it('finds the nearest centroid, skips NaN, and measures the distance', async () => {
    const centroids = Float32Array.of(0, NaN, 10);
    const { assignments, scores } = await assignPoints(Float32Array.of(1, 8), centroids, { dim: 1, k: 3 });
    expect([...assignments]).toEqual([0, 2]);
    expect([...scores]).toEqual([1, 4]);
    const none = await assignPoints(Float32Array.of(1), Float32Array.of(NaN), { dim: 1, k: 1 });
    expect([...none.assignments]).toEqual([-1]);
  });
});
