/** Clusters that were found already, for instances that come later: those of other photos, or those a network found. */
import { U2SegError, type Backbone, type RgbImage, type Segment } from '@u2seg/core';
import type { InstanceTables } from './cluster-stage.ts';
import type { PipelineConfig } from './config.ts';
import { cropDescriptors, maskMeans } from './embed-instances.ts';
import { openBackbone } from './open-backbone.ts';
import { networkImage } from './photo-job.ts';

export interface KnownClusters {
  readonly k: number;
  readonly dim: number;
  /** [k, dim]; a cluster without instances has a row of zeros and is never the nearest. */
  readonly centroids: Float32Array;
  /** [k] instances of each. */
  readonly counts: readonly number[];
  /** `cosine` for the default k-means, which is spherical; `euclidean` for U2Seg's. */
  readonly metric: 'cosine' | 'euclidean';
  /** What they are, for hashes. */
  readonly identity: string;
}

/** Means of the instances of each cluster of a finished run. */
export async function knownClusters(
  { instances, partitions, summary, inputsHash }: InstanceTables,
  { clustering }: Pick<PipelineConfig, 'clustering'>,
): Promise<KnownClusters> {
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
 * Nearest cluster of each descriptor; ties to the lower cluster.
 *
 * @param embeddings - [n, dim]
 * @returns [n] in [0, k)
 * @throws U2SegError `not-found` if no cluster has an instance
 */
export function nearestClusters(
  embeddings: Float32Array,
  { k, dim, centroids, counts, metric }: Pick<KnownClusters, 'k' | 'dim' | 'centroids' | 'counts' | 'metric'>,
): Int32Array {
  if (embeddings.length === 0) return new Int32Array(0);
  if (counts.every((count) => count === 0))
    throw new U2SegError('not-found', 'nearestClusters: no cluster has an instance to be near to.');
  const lengths = Array.from({ length: k }, (_, c) => Math.hypot(...centroids.subarray(c * dim, (c + 1) * dim)) || 1);
  return Int32Array.from({ length: embeddings.length / dim }, (_, row) => {
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (let c = 0; c < k; c += 1) {
      if (counts[c] === 0) continue;
      let distance = 0;
      for (let j = 0; j < dim; j += 1) {
        const [a, b] = [embeddings[row * dim + j]!, centroids[c * dim + j]!];
        distance += metric === 'cosine' ? -(a * b) / lengths[c]! : (a - b) ** 2;
      }
      if (distance < least) [best, least] = [c, distance];
    }
    return best;
  });
}

/** Gives instances of a network the cluster their descriptor is nearest to. */
export class InstanceNamer {
  readonly #backbone: Backbone;
  readonly #config: PipelineConfig['backbone'];
  readonly #clusters: KnownClusters;

  private constructor(backbone: Backbone, config: PipelineConfig['backbone'], clusters: KnownClusters) {
    this.#backbone = backbone;
    this.#config = config;
    this.#clusters = clusters;
  }

  static async open(config: PipelineConfig['backbone'], clusters: KnownClusters): Promise<InstanceNamer> {
    return new InstanceNamer(await openBackbone(config), config, clusters);
  }

  async name(image: RgbImage, instances: readonly Segment[]): Promise<Segment[]> {
    if (instances.length === 0) return [];
    const { patchSize } = this.#backbone.info;
    const seen = networkImage(image, this.#config, patchSize);
    const embeddings =
      this.#config.embedding === 'mask-mean'
        ? maskMeans(await this.#backbone.extract(seen), instances)
        : await cropDescriptors(image, instances, this.#backbone, seen.width);
    const clusters = nearestClusters(embeddings, this.#clusters);
    return instances.map((one, i) => ({ ...one, clusterId: clusters[i]! }));
  }

  async dispose(): Promise<void> {
    await this.#backbone.dispose();
  }
}
