import type { Backbone, RgbImage, Segment } from '@u2seg/core';
import type { PipelineConfig } from './config.ts';
import { maskMeans, cropDescriptors } from './embed-instances.ts';
import { type KnownClusters, nearestClusters } from './nearest-clusters.ts';
import { openBackbone } from './open-backbone.ts';
import { networkImage } from './network-image.ts';

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
