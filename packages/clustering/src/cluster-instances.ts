import { assertInteger, type OnProgress } from '@u2seg/core';
import type { ClusteringEngine } from './engines/engine.ts';
import { kMeans, type KMeansOptions, type KMeansResult } from './kmeans/kmeans.ts';
import { normalizeRows } from './points.ts';

export interface ClusterInstancesOptions {
  /** D, the width of an instance's embedding: 768 for the CLS token of ViT-B. */
  readonly dim: number;
  readonly n?: number;
  /** K, the number of pseudo-classes wanted; fewer come back when there are fewer instances. */
  readonly k?: number;
  /**
   * `default`: rows scaled to length one, spherical k-means, k-means++, empty clusters respawn, nearest final centroid.
   * `reference`: what U2Seg's released code does, see {@link clusterInstances}.
   */
  readonly mode?: 'default' | 'reference';
  readonly maxIterations?: number;
  /** Runs of which the best is kept; `default` mode only. */
  readonly redos?: number;
  readonly seed?: number;
  /** Rows to start from instead of the mode's own start; the number of rows must be the K used. */
  readonly startRows?: ArrayLike<number>;
  readonly engine?: ClusteringEngine;
  readonly onProgress?: OnProgress;
}

/** 800 clusters and 100 iterations, as U2Seg's main model. */
export const clusterInstancesDefaults: Required<
  Pick<ClusterInstancesOptions, 'k' | 'mode' | 'maxIterations' | 'redos' | 'seed'>
> = { k: 800, mode: 'default', maxIterations: 100, redos: 1, seed: 0 };

/** The numbers of clusters U2Seg publishes results for (arXiv:2312.17243, tables 1, 7 and A2). */
export const instanceClusterPresets: Readonly<
  Record<'u2seg300' | 'u2seg800' | 'u2seg2911', { readonly k: number; readonly maxIterations: number }>
> = {
  u2seg300: { k: 300, maxIterations: 100 },
  u2seg800: { k: 800, maxIterations: 100 },
  u2seg2911: { k: 2911, maxIterations: 100 },
};

export interface InstanceClusters {
  /** [N] cluster ids in [0, k). */
  readonly assignments: Int32Array;
  /** [k, D]; of the rows scaled to length one in `default` mode. */
  readonly centroids: Float32Array;
  /** [k] instances per cluster. */
  readonly counts: Int32Array;
  /** K used: the K wanted, or the number of instances if that is smaller; 0 without instances. */
  readonly k: number;
  readonly mode: 'default' | 'reference';
  /** Sentences for the run's report; empty when all went as asked. */
  readonly warnings: readonly string[];
  /** The k-means run behind it; undefined without instances. */
  readonly kMeans: KMeansResult | undefined;
}

/**
 * Gives every object proposal a pseudo-class by clustering the embeddings of all proposals.
 *
 * `reference` mode repeats U2Seg's released code (Instance_Clustering, after USL): squared L2 of the embeddings as they
 * are, start at the first K of torch's `randperm` under the seed, plain Lloyd, labels from the assignment *before* the
 * last update; a cluster that loses all points turns NaN and is never chosen again.
 *
 * @param features - [N, D] one embedding per instance, finite
 * @throws U2SegError `shape-mismatch`, `out-of-range` as `kMeans` does
 */
export async function clusterInstances(
  features: Float32Array,
  options: ClusterInstancesOptions,
): Promise<InstanceClusters> {
  const settings = { ...clusterInstancesDefaults, n: Math.floor(features.length / options.dim), ...options };
  const { dim, n, mode, maxIterations, seed } = settings;
  assertInteger('clusterInstances: k', settings.k, 1);
  if (n === 0) {
    return {
      assignments: new Int32Array(0),
      centroids: new Float32Array(0),
      counts: new Int32Array(0),
      k: 0,
      mode,
      warnings: ['No instances to cluster.'],
      kMeans: undefined,
    };
  }
  const k = Math.min(settings.k, n);
  const warnings: string[] = [];
  if (k < settings.k) warnings.push(`${settings.k} clusters were asked for ${n} instances; ${k} were made.`);
  const start = settings.startRows === undefined ? {} : { start: { rows: settings.startRows } };
  const common = {
    ...(settings.engine === undefined ? {} : { engine: settings.engine }),
    ...(settings.onProgress === undefined ? {} : { onProgress: settings.onProgress }),
    dim,
    n,
    k,
    maxIterations,
    seed,
  };
  const byMode: KMeansOptions =
    mode === 'reference'
      ? {
          ...common,
          metric: 'l2',
          start: 'torch-randperm',
          emptyClusters: 'u2seg',
          assignments: 'before-last-update',
          ...start,
        }
      : { ...common, metric: 'spherical', redos: settings.redos, ...start };
  const points = mode === 'reference' ? features : normalizeRows(features, n, dim);
  const result = await kMeans(points, byMode);
  const empty = result.counts.filter((count) => count === 0).length;
  if (empty > 0) warnings.push(`${empty} of ${k} clusters have no instance.`);
  return {
    assignments: result.assignments,
    centroids: result.centroids,
    counts: result.counts,
    k,
    mode,
    warnings,
    kMeans: result,
  };
}
