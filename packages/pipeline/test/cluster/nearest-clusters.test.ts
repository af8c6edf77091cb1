import { describe, expect, it } from 'vitest';
import { nearestClusters, type FixedClusters } from '../../src/cluster/nearest-clusters.ts';

const clusters = (
  centroids: readonly number[],
  counts: readonly number[],
  metric: FixedClusters['metric'],
): FixedClusters => ({
  k: counts.length,
  dim: 2,
  centroids: Float32Array.from(centroids),
  counts,
  metric,
  identity: 'toy',
});

describe('nearestClusters', () => {
  it('takes the direction by cosine, the place by Euclid', () => {
    const points = Float32Array.of(10, 1, 0.2, 0.9);
    const centroids = [9, 9, 0.1, 0];
    expect([...nearestClusters(points, clusters(centroids, [1, 1], 'euclidean'))]).toEqual([0, 1]);
    expect([...nearestClusters(points, clusters(centroids, [1, 1], 'cosine'))]).toEqual([1, 0]);
  });

  it('gives ties to the lower cluster, and nothing to one without instances', () => {
    const points = Float32Array.of(0, 0);
    expect([...nearestClusters(points, clusters([1, 0, 0, 1], [1, 1], 'euclidean'))]).toEqual([0]);
    expect([...nearestClusters(points, clusters([0, 0, 5, 5], [0, 3], 'euclidean'))]).toEqual([1]);
    expect(nearestClusters(new Float32Array(0), clusters([0, 0], [0], 'cosine'))).toHaveLength(0);
    expect(() => nearestClusters(points, clusters([0, 0], [0], 'cosine'))).toThrow(/no cluster has an instance/u);
  });
});
