import { assertInRange, assertInteger, deriveSeed, seededRng, U2SegError, type OnProgress } from '@u2seg/core';
import { assignPoints } from '../assign-points.ts';
import type { ClusteringEngine } from '../engines/engine.ts';
import { checkedSquaredNorms, normalizeRows } from '../points.ts';
import { drawByWeight } from './empty-clusters.ts';
import { initialCentroids, type KMeansStart } from './initial-centroids.ts';

/** Points in batches, from the start at every call: a file read again, or arrays in memory. */
export type PointBatches = () => AsyncIterable<Float32Array> | Iterable<Float32Array>;

export interface MiniBatchKMeansOptions {
  /** D */
  readonly dim: number;
  /** K; the first `startPoints` points must hold as many. */
  readonly k: number;
  readonly metric?: 'l2' | 'spherical';
  /** Start among the first `startPoints` points; given centroids are taken as they are. */
  readonly start?: KMeansStart;
  /** Points gathered from the first batches to start from; all that memory must hold beside one batch. */
  readonly startPoints?: number;
  /** Passes over the data, at least 1. */
  readonly epochs?: number;
  /** Stops after an epoch whose mean distance changed by less than this share, in [0, 1]. */
  readonly tolerance?: number;
  readonly seed?: number;
  readonly engine?: ClusteringEngine;
  readonly onProgress?: OnProgress;
}

export const miniBatchKMeansDefaults: Required<
  Omit<MiniBatchKMeansOptions, 'dim' | 'k' | 'engine' | 'onProgress' | 'startPoints'>
> = { metric: 'l2', start: 'k-means++', epochs: 5, tolerance: 1e-4, seed: 0 };

/** Points kept to start from, per cluster. */
const startPointsPerCluster = 32;

export interface MiniBatchKMeansResult {
  /** [K, D]; unit rows for `spherical`. */
  readonly centroids: Float32Array;
  /** [K] points each centroid has absorbed, over all epochs. */
  readonly counts: Float64Array;
  /** Mean objective per point of each epoch, each batch measured before its update: squared distance, or inner product. */
  readonly meanInertia: readonly number[];
  /** Points of one epoch. */
  readonly points: number;
  readonly epochs: number;
  readonly converged: boolean;
  /** Clusters without a point in an epoch that were moved to a point of its last batch. */
  readonly numRespawned: number;
}

/**
 * K-means on data that does not fit in memory: each batch is assigned, and each centroid moves to the running mean of
 * all points it has been given (Sculley, WWW 2010, with whole-batch updates). Memory is one batch, `startPoints` points
 * and the centroids.
 *
 * Assign the points afterwards with `assignPoints`, batch by batch.
 *
 * @throws U2SegError `out-of-range` if the data holds no point, fewer than K to start from, or one that is not finite
 */
export async function miniBatchKMeans(
  batches: PointBatches,
  options: MiniBatchKMeansOptions,
): Promise<MiniBatchKMeansResult> {
  const settings = { ...miniBatchKMeansDefaults, startPoints: options.k * startPointsPerCluster, ...options };
  const { dim, k, metric, epochs, tolerance, seed } = settings;
  assertInteger('miniBatchKMeans: dim', dim, 1);
  assertInteger('miniBatchKMeans: k', k, 1);
  assertInteger('miniBatchKMeans: epochs', epochs, 1);
  assertInRange('miniBatchKMeans: tolerance', tolerance, 0, 1);
  const rng = seededRng(deriveSeed(seed, 'mini-batch k-means'));
  const first = await gather(batches, dim, settings.startPoints);
  const available = first.length / dim;
  if (available < k) {
    throw new U2SegError(
      'out-of-range',
      `miniBatchKMeans: needs at least ${k} points to start from, got ${available}.`,
    );
  }
  const centroids = initialCentroids(settings.start, first, available, dim, k, seed, rng);
  if (metric === 'spherical') normalizeRows(centroids, k, dim, centroids);

  // Means before normalisation, so that `spherical` averages points and not directions.
  const means = Float64Array.from(centroids);
  const counts = new Float64Array(k);
  const meanInertia: number[] = [];
  let points = 0;
  let numRespawned = 0;
  let converged = false;
  for (let epoch = 0; epoch < epochs && !converged; epoch += 1) {
    const hits = new Float64Array(k);
    let last: { batch: Float32Array; scores: Float32Array } | undefined;
    let sum = 0;
    points = 0;
    for await (const batch of batches()) {
      if (batch.length === 0) continue;
      const engine = settings.engine === undefined ? {} : { engine: settings.engine };
      const { assignments, scores } = await assignPoints(batch, centroids, { dim, k, metric, ...engine });
      absorb(batch, assignments, means, counts, hits, dim);
      for (const score of scores) sum += score;
      points += assignments.length;
      writeCentroids(centroids, means, counts, k, dim, metric);
      last = { batch, scores };
      settings.onProgress?.({ stage: 'mini-batch-k-means', done: points, unit: 'points', values: { epoch } });
    }
    if (last === undefined) throw new U2SegError('out-of-range', 'miniBatchKMeans: the batches hold no point.');
    const mean = sum / points;
    const previous = meanInertia.at(-1);
    meanInertia.push(mean);
    const respawned = respawnUnused(centroids, means, counts, hits, last.batch, last.scores, dim, metric, rng);
    numRespawned += respawned;
    converged =
      respawned === 0 && previous !== undefined && Math.abs(previous - mean) <= tolerance * Math.abs(previous);
  }
  return { centroids, counts, meanInertia, points, epochs: meanInertia.length, converged, numRespawned };
}

async function gather(batches: PointBatches, dim: number, wanted: number): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  let rows = 0;
  for await (const batch of batches()) {
    const take = Math.min(Math.floor(batch.length / dim), wanted - rows);
    parts.push(batch.slice(0, take * dim));
    rows += take;
    if (rows >= wanted) break;
  }
  const out = new Float32Array(rows * dim);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  if (rows > 0) checkedSquaredNorms('miniBatchKMeans', out, rows, dim);
  return out;
}

/** Moves each mean by every point it was given: `mean += (x - mean) / count`. */
function absorb(
  batch: Float32Array,
  assignments: Int32Array,
  means: Float64Array,
  counts: Float64Array,
  hits: Float64Array,
  dim: number,
): void {
  for (let i = 0; i < assignments.length; i += 1) {
    const cluster = assignments[i]!;
    counts[cluster]! += 1;
    hits[cluster]! += 1;
    const rate = 1 / counts[cluster]!;
    for (let j = 0, x = i * dim, m = cluster * dim; j < dim; j += 1, x += 1, m += 1) {
      means[m]! += (batch[x]! - means[m]!) * rate;
    }
  }
}

function writeCentroids(
  centroids: Float32Array,
  means: Float64Array,
  counts: Float64Array,
  k: number,
  dim: number,
  metric: 'l2' | 'spherical',
): void {
  for (let c = 0; c < k; c += 1) {
    if (counts[c] === 0) continue;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) centroids[j] = means[j]!;
  }
  if (metric === 'spherical') normalizeRows(centroids, k, dim, centroids);
}

/** Clusters that a whole epoch passed by go to points of its last batch, far ones first by chance. */
function respawnUnused(
  centroids: Float32Array,
  means: Float64Array,
  counts: Float64Array,
  hits: Float64Array,
  batch: Float32Array,
  scores: Float32Array,
  dim: number,
  metric: 'l2' | 'spherical',
  rng: () => number,
): number {
  const weights = metric === 'l2' ? scores.slice() : scores.map((score) => Math.max(0, 1 - score));
  let respawned = 0;
  for (let c = 0; c < counts.length; c += 1) {
    if (hits[c]! > 0) continue;
    const row = drawByWeight(weights, rng);
    if (row < 0) return respawned;
    const point = batch.subarray(row * dim, (row + 1) * dim);
    centroids.set(point, c * dim);
    if (metric === 'spherical') {
      const own = centroids.subarray(c * dim, (c + 1) * dim);
      normalizeRows(own, 1, dim, own);
    }
    means.set(point, c * dim);
    counts[c] = 0;
    weights[row] = 0;
    respawned += 1;
  }
  return respawned;
}
