import { expect, it } from 'vitest';
import { assignedClusters } from '../../src/cluster/assigned-clusters.ts';

const fixed = { k: 2, dim: 2, centroids: Float32Array.of(1, 0, 0, 1), counts: [1, 1], metric: 'cosine' as const };

it('assigns the nearest cluster, and names the descriptor that is no number', () => {
  expect([...assignedClusters('x', Float32Array.of(0, 2, 3, 1), fixed)]).toEqual([1, 0]);
  expect(() => assignedClusters('x', Float32Array.of(0, 2, Number.NaN, 1), fixed)).toThrowErrorMatchingInlineSnapshot(
    `[U2SegError: x: descriptor 1 of 2 holds a value that is no number.]`,
  );
});
