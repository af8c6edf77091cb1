import { assertInRange, assertInteger, deriveSeed, seededRng, type OnProgress } from '@u2seg/core';
import type { ClusteringEngine, Metric } from '../engines/engine.ts';
import { wasmEngine } from '../engines/wasm-engine.ts';
import { checkedSquaredNorms, normalizeRows, squaredNorm } from '../points.ts';
import { AssignmentStep } from './assignment.ts';
import { BoundedAssignment } from './bounded-assignment.ts';
import { ClusterSums } from './cluster-sums.ts';
import { handleEmptyClusters, type EmptyClusterPolicy } from './empty-clusters.ts';
import { initialCentroids, type KMeansStart } from './initial-centroids.ts';

export interface KMeansOptions {
  /** D, the width of a point. */
  readonly dim: number;
  /** K, the number of clusters, in [1, N]. */
  readonly k: number;
  /** N; by default as many as `points` holds. */
  readonly n?: number;
  /**
   * `l2`: nearest centroid by squared distance. `spherical`: largest inner product with centroids of length one; the
   * points are taken as they are, so normalise them first if their length should not weigh.
   */
  readonly metric?: 'l2' | 'spherical';
  readonly start?: KMeansStart;
  readonly emptyClusters?: EmptyClusterPolicy;
  /** Upper bound on updates of the centroids, at least 1. */
  readonly maxIterations?: number;
  /** Stops when the objective changes by less than this share of itself, in [0, 1]; 0 runs to a fixed point. */
  readonly tolerance?: number;
  /** Runs from different starts, of which the best is returned; at least 1. */
  readonly redos?: number;
  readonly seed?: number;
  /** `final`: nearest final centroid. `before-last-update`: what the last centroids are the means of, as U2Seg returns. */
  readonly assignments?: 'final' | 'before-last-update';
  readonly engine?: ClusteringEngine;
  /**
   * `bounds`: points that provably keep their centroid, or can only go to one that moved, are not compared with all. `none`:
   * every point with every centroid. The result is the same.
   */
  readonly acceleration?: 'bounds' | 'none';
  /** Called after every iteration; a returned promise is not awaited. */
  readonly onProgress?: OnProgress;
}

/** Ours: k-means++ and respawning clusters; 100 iterations as in U2Seg's configuration. */
export const kMeansDefaults: Required<Omit<KMeansOptions, 'dim' | 'k' | 'n' | 'engine' | 'onProgress'>> = {
  metric: 'l2',
  start: 'k-means++',
  emptyClusters: 'respawn',
  maxIterations: 100,
  tolerance: 0,
  redos: 1,
  seed: 0,
  assignments: 'final',
  acceleration: 'bounds',
};

export interface KMeansResult {
  /** [K, D] row-major; unit rows for `spherical`; NaN rows only under the policy `u2seg`. */
  readonly centroids: Float32Array;
  /** [N] cluster ids in [0, K). */
  readonly assignments: Int32Array;
  /** [K] points per cluster under `assignments`. */
  readonly counts: Int32Array;
  /**
   * Objective before each update: sum of squared distances, which falls, or for `spherical` of inner products, which
   * rises. The first entry belongs to the starting centroids.
   */
  readonly inertia: readonly number[];
  /** Objective of `assignments` to `centroids`. */
  readonly finalInertia: number;
  /** Updates made. */
  readonly iterations: number;
  /** True when no point changed its cluster any more, or the objective moved less than `tolerance`. */
  readonly converged: boolean;
  /** Clusters that lost all points and were given a new centroid, over all iterations of the run returned. */
  readonly numSplits: number;
  /** Which run was the best, in [0, redos). */
  readonly redo: number;
  /** Scores computed by the run returned, in passes over everything (N K scores); without bounds one an assignment. */
  readonly passes: number;
  readonly engine: string;
}

/**
 * Lloyd's k-means.
 *
 * 1. choose starting centroids;
 * 2. assign every point to its nearest centroid (ties: the lower id);
 * 3. move each centroid to the mean of its points, and give empty clusters a new one by the chosen policy;
 * 4. repeat until no point moves or `maxIterations` updates are made; repeat all for every redo, keep the best.
 *
 * Same points, options and seed give the same result on every engine.
 *
 * @param points - [N, D] row-major, finite
 * @throws U2SegError `shape-mismatch` if `points` is not [n, dim]
 * @throws U2SegError `out-of-range` if a point is not finite, or `k` is not in [1, N]
 *
 * @example
 * const { assignments, inertia } = await kMeans(Float32Array.of(0, 1, 10, 11), { dim: 1, k: 2 });
 * // assignments [1, 1, 0, 0] or [0, 0, 1, 1] by the seed; finalInertia 1
 */
export async function kMeans(points: Float32Array, options: KMeansOptions): Promise<KMeansResult> {
  const settings = { ...kMeansDefaults, n: Math.floor(points.length / options.dim), ...options };
  const { n, dim, k } = settings;
  const squaredNorms = checkedSquaredNorms('kMeans', points, n, dim);
  assertInteger('kMeans: k', k, 1, n);
  assertInteger('kMeans: maxIterations', settings.maxIterations, 1);
  assertInteger('kMeans: redos', settings.redos, 1);
  assertInRange('kMeans: tolerance', settings.tolerance, 0, 1);
  const engine = settings.engine ?? wasmEngine();
  const metric: Metric = settings.metric === 'l2' ? 'l2' : 'inner-product';
  const loaded = await engine.load(points, n, dim, metric, squaredNorms);
  const step = new AssignmentStep(loaded, engine, points, squaredNorms, dim, metric);
  try {
    let best: KMeansResult | undefined;
    for (let redo = 0; redo < settings.redos; redo += 1) {
      const result = await lloyd(points, squaredNorms, step, metric, { ...settings, engine }, redo);
      const better =
        best === undefined ||
        (metric === 'l2' ? result.finalInertia < best.finalInertia : result.finalInertia > best.finalInertia);
      if (better) best = result;
    }
    return best!;
  } finally {
    await step.dispose();
  }
}

async function lloyd(
  points: Float32Array,
  squaredNorms: Float64Array,
  step: AssignmentStep,
  metric: Metric,
  settings: Required<Omit<KMeansOptions, 'onProgress'>> & Pick<KMeansOptions, 'onProgress'>,
  redo: number,
): Promise<KMeansResult> {
  const { n, dim, k, maxIterations, tolerance, onProgress } = settings;
  // The first run uses the seed itself, so that a seed means the same with and without redos.
  const seed = redo === 0 ? settings.seed : deriveSeed(settings.seed, 'k-means redo', redo);
  const rng = seededRng(seed);
  const centroids = initialCentroids(settings.start, points, n, dim, k, seed, rng);
  if (metric === 'inner-product') normalizeRows(centroids, k, dim, centroids);

  const clusters = new ClusterSums(points, squaredNorms, dim, k);
  const bounded =
    settings.acceleration === 'bounds' ? new BoundedAssignment(step, points, squaredNorms, dim, metric) : undefined;
  let passes = 0;
  const nearest = async (): Promise<Int32Array> => {
    if (bounded !== undefined) return bounded.assign(centroids, k);
    passes += 1;
    return (await step.nearest(centroids, k)).best;
  };
  const inertia: number[] = [];
  let numSplits = 0;
  let lastSplits = 0;
  let iterations = 0;
  let converged = false;
  while (iterations < maxIterations) {
    const changed = clusters.assign(await nearest());
    const objective = clusters.objective(centroids, metric);
    const previous = inertia.at(-1);
    inertia.push(objective);
    const still = previous !== undefined && Math.abs(previous - objective) < tolerance * Math.abs(previous);
    if ((changed === 0 && lastSplits === 0) || still) {
      converged = true;
      break;
    }
    const assigned = centroids.slice();
    updateCentroids(centroids, clusters, dim);
    if (metric === 'inner-product') normalizeFilled(centroids, clusters.counts, dim);
    lastSplits = handleEmptyClusters(settings.emptyClusters, {
      centroids,
      sums: clusters.sums,
      counts: clusters.counts,
      points,
      labels: clusters.labels,
      dim,
      squaredDistances: () => squaredDistances(points, clusters.labels, assigned, dim),
      rng,
    });
    if (lastSplits > 0 && metric === 'inner-product') normalizeRows(centroids, k, dim, centroids);
    numSplits += lastSplits;
    iterations += 1;
    onProgress?.({
      stage: 'k-means',
      done: iterations,
      total: maxIterations,
      unit: 'iterations',
      values: { inertia: objective, changed },
    });
  }

  if (!converged && settings.assignments === 'final') clusters.assign(await nearest());
  return {
    centroids,
    assignments: clusters.labels,
    counts: clusters.counts,
    inertia,
    finalInertia: clusters.objective(centroids, metric),
    iterations,
    converged,
    numSplits,
    redo,
    passes: bounded === undefined ? passes : bounded.scores / (n * k),
    engine: settings.engine.name,
  };
}

function updateCentroids(centroids: Float32Array, { sums, counts }: ClusterSums, dim: number): void {
  for (let c = 0; c < counts.length; c += 1) {
    const count = counts[c]!;
    if (count === 0) continue;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) centroids[j] = sums[j]! / count;
  }
}

function normalizeFilled(centroids: Float32Array, counts: Int32Array, dim: number): void {
  for (let c = 0; c < counts.length; c += 1) {
    if (counts[c] === 0) continue;
    const norm = Math.sqrt(squaredNorm(centroids, c * dim, dim));
    if (norm === 0) continue;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) centroids[j] = centroids[j]! / norm;
  }
}

function squaredDistances(
  points: Float32Array,
  labels: Int32Array,
  centroids: Float32Array,
  dim: number,
): Float64Array {
  const out = new Float64Array(labels.length);
  for (let i = 0; i < labels.length; i += 1) {
    let sum = 0;
    for (let j = 0, x = i * dim, c = labels[i]! * dim; j < dim; j += 1, x += 1, c += 1) {
      sum += (points[x]! - centroids[c]!) ** 2;
    }
    out[i] = sum;
  }
  return out;
}
