/** Clusters that were found already, for instances that come later: those of other photos, or those a network found. */
import type { FixedClusters } from '@u2seg/clustering';
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
