import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nearestExemplars } from '@u2seg/clustering';
import { SeededRng } from '@u2seg/core';
import { embeddingsTable, PartitionedTable, type EmbeddingRow } from '@u2seg/interchange';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterMeans, Exemplars } from '../../src/cluster/cluster-members.ts';
import { clusterStreamed } from '../../src/cluster/stream-clusters.ts';

const [n, dim, k] = [300, 6, 4];
const rng = new SeededRng(2);
/** Descriptors along four axes, of any length. */
const embeddings = Array.from({ length: n }, (_, i) =>
  Float32Array.from({ length: dim }, (__, j) => (1 + (i % 7)) * ((j === i % k ? 3 : 0) + 0.3 * rng.normal())),
);
let folder: string;
let table: PartitionedTable<EmbeddingRow>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-stream-'));
  table = new PartitionedTable(folder, embeddingsTable(dim), '0123456789abcdef');
  for (let p = 0; p < 3; p += 1) {
    await table.write(
      p,
      embeddings
        .slice(100 * p, 100 * (p + 1))
        .map((embedding, i) => ({ image_id: `photo ${p}`, proposal_id: i, embedding })),
    );
  }
  await table.finish(3);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('clusterStreamed', () => {
  it('finds the groups, says how, and repeats itself', async () => {
    const source = { embeddings: table, partitions: 3, embeddingDim: dim };
    const options = { k, seed: 1, onProgress: () => undefined };
    const first = await clusterStreamed(source, n, options);
    expect(first.k).toBe(k);
    expect(new Set(first.assignments).size).toBe(k);
    for (let i = k; i < n; i += 1) expect(first.assignments[i]).toBe(first.assignments[i % k]);
    expect(first.warnings).toEqual(['300 descriptors were clustered by mini-batches; clustering.maxMiB holds fewer.']);
    expect(await clusterStreamed(source, n, options)).toEqual(first);
  });
});

describe('what clusters are about, gathered in parts', () => {
  it('is what it is of all at once', () => {
    const points = Float32Array.from(embeddings.flatMap((row) => [...row]));
    const clusters = Int32Array.from({ length: n }, (_, i) => i % k);
    const whole = new ClusterMeans(k, dim);
    whole.add(points, clusters);
    whole.finish();
    const means = new ClusterMeans(k, dim);
    const exemplars = new Exemplars<number>(whole.centroids, k, { dim, perCluster: 5 });
    for (const [from, to] of [
      [0, 11],
      [11, 11],
      [11, 200],
      [200, n],
    ] as const) {
      const part = points.subarray(from * dim, to * dim);
      means.add(part, clusters.subarray(from, to));
      exemplars.add(
        part,
        clusters.subarray(from, to),
        Array.from({ length: to - from }, (_, i) => from + i),
      );
    }
    means.finish();
    expect(means.centroids).toEqual(whole.centroids);
    expect(means.counts).toEqual([75, 75, 75, 75]);
    const expected = nearestExemplars(points, whole.centroids, clusters, { dim, perCluster: 5 });
    expect(exemplars.lists()).toEqual(expected.map((list) => list.map(({ row }) => row)));
  });
});
