import type { Rng } from '@u2seg/core';
import { MersenneTwister } from './mersenne-twister.ts';

/**
 * What happens to a cluster that no point chose.
 *
 * - `faiss`: takes half of another cluster, chosen with probability proportional to its size, by moving the two
 *   centroids 1/1024 apart (faiss `split_clusters`, bit for bit, its generator included).
 * - `scikit-learn`: takes the point farthest from its centroid out of its cluster.
 * - `u2seg`: its centroid becomes NaN (0/0) and is never chosen again, as in U2Seg's KeOps loop.
 * - `respawn`: moves to a point drawn with probability proportional to its squared distance from its centroid, the
 *   k-means++ rule; our default, since it neither chases outliers nor loses a cluster.
 */
export type EmptyClusterPolicy = 'faiss' | 'scikit-learn' | 'u2seg' | 'respawn';

/** The state after an update step, changed in place. */
export interface UpdatedClusters {
  /** [K, D]; rows of empty clusters hold their previous centroid on entry. */
  readonly centroids: Float32Array;
  /** [K, D] float64 sums of the clusters' points; read only. */
  readonly sums: Float64Array;
  /** [K]; read only. */
  readonly counts: Int32Array;
  /** [N, D]; read only. */
  readonly points: Float32Array;
  /** [N] cluster of each point; read only. */
  readonly labels: Int32Array;
  readonly dim: number;
  /** [N] squared distance of each point to the centroid it was assigned to; computed only when asked for. */
  readonly squaredDistances: () => Float64Array;
  readonly rng: Rng;
}

/**
 * Applies a policy to the clusters without points.
 *
 * @returns how many clusters were given a new centroid (0 for `u2seg`)
 */
export function handleEmptyClusters(policy: EmptyClusterPolicy, clusters: UpdatedClusters): number {
  if (!clusters.counts.includes(0)) return 0;
  switch (policy) {
    case 'faiss':
      return splitClusters(clusters);
    case 'scikit-learn':
      return takeFarthestPoints(clusters);
    case 'u2seg':
      return loseClusters(clusters);
    case 'respawn':
      return respawn(clusters);
  }
}

/** Half the distance by which faiss moves the twins apart, relative to each coordinate. */
const splitEpsilon = 1 / 1024;
const faissSplitSeed = 1234;

function splitClusters({ centroids, counts, labels, dim }: UpdatedClusters): number {
  const k = counts.length;
  const generator = new MersenneTwister(faissSplitSeed);
  const sizes = Float32Array.from(counts);
  const spare = Math.fround(labels.length - k);
  let splits = 0;
  for (let empty = 0; empty < k; empty += 1) {
    if (sizes[empty] !== 0) continue;
    let donor = 0;
    for (; ; donor = (donor + 1) % k) {
      const p = Math.fround((sizes[donor]! - 1) / spare);
      const r = Math.fround(generator.nextUint32() / 4294967295);
      if (r < p) break;
    }
    for (let j = 0; j < dim; j += 1) {
      const value = centroids[donor * dim + j]!;
      const up = j % 2 === 0 ? splitEpsilon : -splitEpsilon;
      centroids[empty * dim + j] = value * (1 + up);
      centroids[donor * dim + j] = value * (1 - up);
    }
    sizes[empty] = sizes[donor]! / 2;
    sizes[donor]! -= sizes[empty]!;
    splits += 1;
  }
  return splits;
}

function takeFarthestPoints(clusters: UpdatedClusters): number {
  const { centroids, sums, counts, points, labels, dim } = clusters;
  const distances = clusters.squaredDistances();
  const empties = emptyIds(counts);
  const farthest = Array.from(distances.keys())
    .sort((a, b) => distances[b]! - distances[a]! || a - b)
    .slice(0, empties.length);
  if (distances[farthest[0]!] === 0) return 0;
  const weights = Float64Array.from(counts);
  const changed = new Map<number, Float64Array>();
  for (const [i, cluster] of empties.entries()) {
    const row = farthest[i]!;
    const point = points.subarray(row * dim, (row + 1) * dim);
    const old = labels[row]!;
    const rest = changed.get(old) ?? sums.slice(old * dim, (old + 1) * dim);
    for (let j = 0; j < dim; j += 1) rest[j]! -= point[j]!;
    changed.set(old, rest);
    weights[old]! -= 1;
    centroids.set(point, cluster * dim);
  }
  for (const [cluster, rest] of changed) {
    if (weights[cluster] === 0) continue;
    for (let j = 0; j < dim; j += 1) centroids[cluster * dim + j] = rest[j]! / weights[cluster]!;
  }
  return empties.length;
}

function loseClusters({ centroids, counts, dim }: UpdatedClusters): number {
  for (const cluster of emptyIds(counts)) centroids.fill(NaN, cluster * dim, (cluster + 1) * dim);
  return 0;
}

function respawn(clusters: UpdatedClusters): number {
  const { centroids, counts, points, dim, rng } = clusters;
  const distances = clusters.squaredDistances().slice();
  let respawned = 0;
  for (const cluster of emptyIds(counts)) {
    const row = drawByWeight(distances, rng);
    if (row < 0) return respawned;
    centroids.set(points.subarray(row * dim, (row + 1) * dim), cluster * dim);
    distances[row] = 0;
    respawned += 1;
  }
  return respawned;
}

/** Index drawn with probability proportional to `weights`; -1 where all are zero. */
export function drawByWeight(weights: Float64Array | Float32Array, rng: Rng): number {
  let total = 0;
  for (const weight of weights) total += weight;
  if (!(total > 0)) return -1;
  let left = rng() * total;
  let last = -1;
  for (let i = 0; i < weights.length; i += 1) {
    if (weights[i]! <= 0) continue;
    last = i;
    left -= weights[i]!;
    if (left < 0) return i;
  }
  return last;
}

function emptyIds(counts: Int32Array): number[] {
  return Array.from(counts.keys()).filter((cluster) => counts[cluster] === 0);
}
