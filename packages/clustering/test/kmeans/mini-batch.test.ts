import { assignPoints, kMeans, miniBatchKMeans } from '@u2seg/clustering';
import { SeededRng } from '@u2seg/core';
import { describe, expect, it } from 'vitest';

const dim = 3;
const centers = [0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0, 10];

function blobs(n: number, seed: number): Float32Array {
  const rng = new SeededRng(seed);
  return Float32Array.from({ length: n * dim }, (_, i) => {
    const blob = Math.floor(i / dim) % 4;
    return centers[blob * dim + (i % dim)]! + rng.normal();
  });
}

function* pieces(points: Float32Array, rows: number): Generator<Float32Array> {
  for (let at = 0; at < points.length; at += rows * dim) yield points.slice(at, at + rows * dim);
}

describe('miniBatchKMeans', () => {
  it('comes close to k-means on all points at once, and repeats itself', async () => {
    const points = blobs(1000, 2);
    const options = { dim, k: 4, seed: 1 };
    const batched = await miniBatchKMeans(() => pieces(points, 64), options);
    expect(batched.points).toBe(1000);
    const full = await kMeans(points, options);
    const { scores } = await assignPoints(points, batched.centroids, options);
    const inertia = scores.reduce((sum, value) => sum + value, 0);
    expect(inertia).toBeLessThan(full.finalInertia * 1.02);
    expect(await miniBatchKMeans(() => pieces(points, 64), options)).toEqual(batched);
  });

  it('takes an async stream and the spherical metric', async () => {
    const points = blobs(400, 3);
    async function* stream(): AsyncGenerator<Float32Array> {
      for (const piece of pieces(points, 50)) yield await Promise.resolve(piece);
    }
    const { centroids, meanInertia } = await miniBatchKMeans(stream, { dim, k: 3, metric: 'spherical', epochs: 2 });
    for (let c = 0; c < 3; c += 1) expect(Math.hypot(...centroids.subarray(c * dim, (c + 1) * dim))).toBeCloseTo(1, 5);
    expect(meanInertia.at(-1)!).toBeGreaterThanOrEqual(meanInertia[0]! - 1e-3);
  });

  it('is exact with one batch and one cluster: the mean', async () => {
    const { centroids } = await miniBatchKMeans(() => [Float32Array.of(1, 2, 3, 6)], { dim: 1, k: 1 });
    expect(centroids[0]).toBeCloseTo(3, 6);
  });

  it('moves a cluster that gets nothing', async () => {
    const start = { centroids: Float32Array.of(0, 1e4) };
    const { numRespawned, centroids } = await miniBatchKMeans(() => [Float32Array.of(0, 1, 9, 10)], {
      dim: 1,
      k: 2,
      start,
    });
    expect(numRespawned).toBe(1);
    expect([...centroids].sort((a, b) => a - b)[1]).toBeLessThan(20);
  });

  it('refuses too few points', async () => {
    await expect(miniBatchKMeans(() => [], { dim: 1, k: 2 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: miniBatchKMeans: needs at least 2 points to start from, got 0.]`,
    );
    await expect(miniBatchKMeans(() => [Float32Array.of(NaN, 1)], { dim: 1, k: 2 })).rejects.toThrow(/finite/u);
  });
});
