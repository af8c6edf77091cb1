/** What a clustering says about its clusters, gathered while the instances pass by. */
import { nearestExemplars } from '@u2seg/clustering';

/** [K, D] means and counts of clusters. */
export class ClusterMeans {
  readonly centroids: Float32Array;
  readonly counts: number[];
  readonly #dim: number;

  constructor(k: number, dim: number) {
    this.centroids = new Float32Array(k * dim);
    this.counts = Array.from({ length: k }, () => 0);
    this.#dim = dim;
  }

  /** @param points - [n, D]; @param clusters - [n] */
  add(points: Float32Array, clusters: Int32Array): void {
    const dim = this.#dim;
    clusters.forEach((c, i) => {
      this.counts[c]! += 1;
      for (let j = 0; j < dim; j += 1) this.centroids[c * dim + j]! += points[i * dim + j]!;
    });
  }

  /** Turns the sums into means; nothing is added after. */
  finish(): void {
    this.counts.forEach((count, c) => {
      for (let j = 0; j < this.#dim; j += 1) this.centroids[c * this.#dim + j]! /= Math.max(1, count);
    });
  }
}

/** The members nearest to each mean, of instances that come part by part; ties by who came first. */
export class Exemplars<Owner> {
  readonly #lists: { readonly owner: Owner; readonly squaredDistance: number }[][];
  readonly #centroids: Float32Array;
  readonly #options: { readonly dim: number; readonly perCluster: number };

  constructor(centroids: Float32Array, k: number, options: { readonly dim: number; readonly perCluster: number }) {
    this.#centroids = centroids;
    this.#options = options;
    this.#lists = Array.from({ length: k }, () => []);
  }

  add(points: Float32Array, clusters: Int32Array, owners: readonly Owner[]): void {
    if (owners.length === 0) return;
    const found = nearestExemplars(points, this.#centroids, clusters, this.#options);
    for (const [cluster, list] of found.entries()) {
      if (list.length === 0) continue;
      const all = [
        ...this.#lists[cluster]!,
        ...list.map(({ row, squaredDistance }) => ({ owner: owners[row]!, squaredDistance })),
      ];
      // A stable sort: of two as near, the one that came first stays first.
      all.sort((a, b) => a.squaredDistance - b.squaredDistance);
      this.#lists[cluster] = all.slice(0, this.#options.perCluster);
    }
  }

  lists(): Owner[][] {
    return this.#lists.map((list) => list.map(({ owner }) => owner));
  }
}
