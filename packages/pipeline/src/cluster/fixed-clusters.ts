/** Clusters that were found already, for instances that come later: those of other photos, or those a network found. */
import { nearestClusters, type FixedClusters } from '@u2seg/clustering';
import { U2SegError } from '@u2seg/core';
import type { InstanceTables } from './cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';

/** Means of the instances of each cluster of a finished run. */
export async function fixedClusters(
  { instances, partitions, summary, inputsHash }: InstanceTables,
  { clustering }: Pick<PipelineConfig, 'clustering'>,
): Promise<Required<FixedClusters>> {
  const metric = clustering.mode === 'reference' ? 'euclidean' : 'cosine';
  const { k } = summary;
  const counts = Array.from({ length: k }, () => 0);
  let [dim, centroids] = [0, new Float32Array(0)];
  for await (const { embedding, cluster_id: cluster } of instances.rows(partitions)) {
    if (centroids.length === 0) [dim, centroids] = [embedding.length, new Float32Array(k * embedding.length)];
    const scale = metric === 'cosine' ? 1 / (Math.hypot(...embedding) || 1) : 1;
    for (let j = 0; j < dim; j += 1) centroids[cluster * dim + j]! += scale * embedding[j]!;
    counts[cluster]! += 1;
  }
  counts.forEach((count, c) => {
    for (let j = 0; j < dim; j += 1) centroids[c * dim + j]! /= Math.max(1, count);
  });
  return { k, dim, centroids, counts, metric, identity: inputsHash };
}

/**
 * Nearest cluster of every descriptor.
 *
 * @param embeddings - [N, D]
 * @returns [N] in [0, K)
 * @throws U2SegError `bad-format` for a descriptor that is no number, naming its row in `where`
 */
export function assignedClusters(where: string, embeddings: Float32Array, fixed: FixedClusters): Int32Array {
  const clusters = nearestClusters(embeddings, fixed);
  const row = clusters.indexOf(-1);
  if (row >= 0) {
    throw new U2SegError(
      'bad-format',
      `${where}: descriptor ${row} of ${clusters.length} holds a value that is no number.`,
    );
  }
  return clusters;
}
