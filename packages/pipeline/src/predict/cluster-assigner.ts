import type { FixedClusters } from '@u2seg/clustering';
import type { Backbone, RgbImage, Segment } from '@u2seg/core';
import { assignedClusters } from '../cluster/assigned-clusters.ts';
import type { PipelineConfig } from '../config/config.ts';
import { maskMeans, cropDescriptors } from '../propose/embed-instances.ts';
import { openBackbone } from '../propose/open-backbone.ts';
import { networkImage } from '../propose/network-image.ts';

/** Gives instances of a network the cluster their descriptor is nearest to. */
export class ClusterAssigner {
  readonly #backbone: Backbone;
  readonly #config: PipelineConfig['backbone'];
  readonly #clusters: FixedClusters;

  private constructor(backbone: Backbone, config: PipelineConfig['backbone'], clusters: FixedClusters) {
    this.#backbone = backbone;
    this.#config = config;
    this.#clusters = clusters;
  }

  static async open(config: PipelineConfig['backbone'], clusters: FixedClusters): Promise<ClusterAssigner> {
    return new ClusterAssigner(await openBackbone(config), config, clusters);
  }

  async name(image: RgbImage, instances: readonly Segment[]): Promise<Segment[]> {
    if (instances.length === 0) return [];
    const { patchSize } = this.#backbone.info;
    const seen = networkImage(image, this.#config, patchSize);
    const embeddings =
      this.#config.embedding === 'mask-mean'
        ? maskMeans(await this.#backbone.extract(seen), instances)
        : await cropDescriptors(image, instances, this.#backbone, seen.width);
    const clusters = assignedClusters('instances of a photo', embeddings, this.#clusters);
    return instances.map((one, i) => ({ ...one, clusterId: clusters[i]! }));
  }

  async dispose(): Promise<void> {
    await this.#backbone.dispose();
  }
}
