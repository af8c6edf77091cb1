/** Clustering of more descriptors than memory should hold: mini-batches from disk. */
import { assignPoints, miniBatchKMeans, normalizeRows, type ClusteringEngine } from '@u2seg/clustering';
import type { OnProgress } from '@u2seg/core';
import type { EmbeddingRow, PartitionedTable } from '@u2seg/interchange';

/** Descriptors of one mini-batch; the files of that many photos are read together. */
const rowsPerBatch = 8192;

export interface DescriptorTable {
  readonly embeddings: PartitionedTable<EmbeddingRow>;
  readonly partitions: number;
  readonly embeddingDim: number;
}

/** Descriptors of consecutive partitions, [n, dim] at a time, scaled to length one. */
async function* unitBatches({
  embeddings,
  partitions,
  embeddingDim: dim,
}: DescriptorTable): AsyncGenerator<Float32Array> {
  let rows: Float32Array[] = [];
  for (let p = 0; p < partitions; p += 1) {
    for (const { embedding } of await embeddings.read(p)) rows.push(embedding);
    if (rows.length < rowsPerBatch && p + 1 < partitions) continue;
    const points = joined(rows, dim);
    rows = [];
    yield normalizeRows(points, points.length / dim, dim, points);
  }
}

/**
 * The default clustering (spherical, k-means++, unused clusters move) by mini-batches: memory is one batch, the points it
 * starts from and the centroids.
 *
 * @param n - descriptors in all
 * @returns [n] cluster of each descriptor, in the order of the table
 */
export async function clusterStreamed(
  table: DescriptorTable,
  n: number,
  options: {
    readonly k: number;
    readonly seed: number;
    readonly engine?: ClusteringEngine;
    readonly onProgress: OnProgress;
  },
): Promise<{ readonly assignments: Int32Array; readonly k: number; readonly warnings: readonly string[] }> {
  const dim = table.embeddingDim;
  const k = Math.min(options.k, n);
  const engine = options.engine === undefined ? {} : { engine: options.engine };
  const { seed, onProgress } = options;
  const common = { dim, k, metric: 'spherical', ...engine } as const;
  const { centroids } = await miniBatchKMeans(() => unitBatches(table), { ...common, seed, onProgress });
  const assignments = new Int32Array(n);
  let at = 0;
  for await (const batch of unitBatches(table)) {
    const found = await assignPoints(batch, centroids, common);
    assignments.set(found.assignments, at);
    at += found.assignments.length;
  }
  return {
    assignments,
    k,
    warnings: [`${n} descriptors were clustered by mini-batches; clustering.maxMiB holds fewer.`],
  };
}

/** [n, dim] */
export function joined(rows: readonly Float32Array[], dim: number): Float32Array {
  const out = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => out.set(row, i * dim));
  return out;
}
