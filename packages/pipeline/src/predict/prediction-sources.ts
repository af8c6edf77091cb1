/** Predictions that are not the network's alone: classes by clustering (CutLER+), stuff from STEGO (CutLER+STEGO). */
import type { RgbImage, Segment } from '@u2seg/core';
import type { ImageRow } from '@u2seg/interchange';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from '../run/hash.ts';
import { fixedClusters } from '../cluster/fixed-clusters.ts';
import { ClusterAssigner } from './cluster-assigner.ts';
import type { SemanticTables } from '../semantics/semantics-stage.ts';
import { toSemanticMap } from '../tables/mask-rows.ts';

/** [H, W] stuff cluster of each pixel, -1 for none. */
export interface SemanticMap {
  readonly data: Int32Array;
  readonly height: number;
  readonly width: number;
}

export interface PredictionSources {
  /** Clusters of a photo's instances; absent where the network's own stand. */
  readonly name?: (image: RgbImage, instances: readonly Segment[]) => Promise<Segment[]>;
  /** What lies below the instances of a photo of partition `p`. */
  readonly stuff: (photo: ImageRow, p: number) => Promise<SemanticMap>;
  readonly stuffClusters: number;
  /** What they are made from, for hashes. */
  readonly identity: string;
  dispose(): Promise<void>;
}

/**
 * Opens what the configuration takes from elsewhere than the network; undefined where it takes nothing.
 *
 * @param instances - of the run that found the clusters
 * @param semantics - of the photos that are predicted
 */
export async function openPredictionSources(
  config: PipelineConfig,
  instances: InstanceTables,
  semantics: SemanticTables | undefined,
): Promise<PredictionSources | undefined> {
  const { classes, stuff } = config.predict;
  if (classes === 'network' && stuff === 'network') return undefined;
  const clusters = classes === 'clusters' ? await fixedClusters(instances, config) : undefined;
  const namer = clusters === undefined ? undefined : await ClusterAssigner.open(config.backbone, clusters);
  const maps = stuff === 'semantics' ? semantics : undefined;
  return {
    ...(namer === undefined
      ? {}
      : { name: (image: RgbImage, found: readonly Segment[]): Promise<Segment[]> => namer.name(image, found) }),
    stuff: async ({ image_id: id, height, width }, p) => {
      const rows = maps === undefined ? [] : (await maps.semantics.read(p)).filter((row) => row.image_id === id);
      return { data: toSemanticMap(rows, height, width), height, width };
    },
    stuffClusters: config.semantics.clusters,
    identity: hashOf(clusters?.identity ?? null, maps?.inputsHash ?? null),
    dispose: async () => namer?.dispose(),
  };
}
