import { nearestClusters, type FixedClusters } from '@u2seg/clustering';
import { describe, expect, it } from 'vitest';

/** Clusters of points in the plane. */
const clusters = (
  centroids: readonly number[],
  counts: readonly number[],
  metric: FixedClusters['metric'],
): FixedClusters => ({ k: counts.length, dim: 2, centroids: Float32Array.from(centroids), counts, metric });

describe('nearestClusters', () => {
  it('takes the direction by cosine, the place by Euclid', () => {
    // (10, 1) lies nearer to (9, 9) than to (0.1, 0), and points along the latter; (0.2, 0.9) the other way round
    const points = Float32Array.of(10, 1, 0.2, 0.9);
    const centroids = [9, 9, 0.1, 0];
    expect([...nearestClusters(points, clusters(centroids, [1, 1], 'euclidean'))]).toEqual([0, 1]);
    expect([...nearestClusters(points, clusters(centroids, [1, 1], 'cosine'))]).toEqual([1, 0]);
  });

  it('does not weigh the length of a centroid by cosine', () => {
    // inner products 3 and 4, cosines 1 and 0.8
    expect([...nearestClusters(Float32Array.of(3, 0), clusters([1, 0, 4, 3], [1, 1], 'cosine'))]).toEqual([0]);
  });

  it('gives ties to the lower cluster', () => {
    const centroids = [1, 0, 0, 1];
    expect([...nearestClusters(Float32Array.of(0, 0), clusters(centroids, [1, 1], 'euclidean'))]).toEqual([0]);
    expect([...nearestClusters(Float32Array.of(1, 1), clusters(centroids, [1, 1], 'cosine'))]).toEqual([0]);
  });

  it('gives nothing to a cluster without points, even at its centroid', () => {
    const points = Float32Array.of(0, 0);
    expect([...nearestClusters(points, clusters([0, 0, 5, 5], [0, 3], 'euclidean'))]).toEqual([1]);
    expect([...nearestClusters(points, clusters([0, 0, 5, 5], [0, 3], 'cosine'))]).toEqual([1]);
  });

  it('returns nothing for nothing, whatever the clusters are', () => {
    expect(nearestClusters(new Float32Array(0), clusters([], [], 'cosine'))).toHaveLength(0);
    expect(nearestClusters(new Float32Array(0), clusters([0, 0], [0], 'euclidean'))).toHaveLength(0);
  });

  it('gives a row with a NaN no cluster, and leaves the others alone', () => {
    const found = nearestClusters(Float32Array.of(NaN, 0, 4, 5), clusters([0, 0, 5, 5], [1, 1], 'euclidean'));
    expect([...found]).toEqual([-1, 1]);
  });

  it('refuses clusters without points, and arrays that do not fit', () => {
    const points = Float32Array.of(0, 0);
    expect(() => nearestClusters(points, clusters([0, 0], [0], 'cosine'))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: nearestClusters: no cluster has an instance to be near to.]`,
    );
    expect(() =>
      nearestClusters(Float32Array.of(1, 2, 3), clusters([0, 0], [1], 'cosine')),
    ).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: nearestClusters: embeddings must be [1, 2] (2 values), got 3 values.]`,
    );
    expect(() => nearestClusters(points, clusters([0, 0, 1], [1, 1], 'cosine'))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: nearestClusters: centroids must be [2, 2] (4 values), got 3 values.]`,
    );
  });
});
