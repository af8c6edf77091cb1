import type { Metric } from '../engines/engine.ts';

/**
 * Sum and count of the points of every cluster, in float64, kept up to date by moving only the points whose cluster
 * changed. Gives the means and, in closed form, the objective.
 */
export class ClusterSums {
  readonly #points: Float32Array;
  readonly #dim: number;
  readonly #totalSquaredNorm: number;
  /** [K, D] */
  readonly sums: Float64Array;
  /** [K] */
  readonly counts: Int32Array;
  /** [N], -1 before the first {@link ClusterSums.assign}. */
  readonly labels: Int32Array;

  constructor(points: Float32Array, squaredNorms: Float64Array, dim: number, k: number) {
    this.#points = points;
    this.#dim = dim;
    this.sums = new Float64Array(k * dim);
    this.counts = new Int32Array(k);
    this.labels = new Int32Array(squaredNorms.length).fill(-1);
    let total = 0;
    for (const norm of squaredNorms) total += norm;
    this.#totalSquaredNorm = total;
  }

  /** Moves every point to its new cluster; returns how many changed. */
  assign(labels: Int32Array): number {
    let changed = 0;
    for (let i = 0; i < labels.length; i += 1) {
      if (labels[i] !== this.labels[i]) {
        this.move(i, labels[i]!);
        changed += 1;
      }
    }
    return changed;
  }

  /** Moves point `row` to `cluster`; a negative cluster takes it out. */
  move(row: number, cluster: number): void {
    const dim = this.#dim;
    const { sums } = this;
    const x = row * dim;
    const from = this.labels[row]!;
    if (from >= 0) {
      this.counts[from]! -= 1;
      for (let j = 0, s = from * dim; j < dim; j += 1, s += 1) sums[s]! -= this.#points[x + j]!;
      // What rounding left behind must not become a centroid.
      if (this.counts[from] === 0) sums.fill(0, from * dim, (from + 1) * dim);
    }
    if (cluster >= 0) {
      this.counts[cluster]! += 1;
      for (let j = 0, s = cluster * dim; j < dim; j += 1, s += 1) sums[s]! += this.#points[x + j]!;
    }
    this.labels[row] = cluster;
  }

  /**
   * Objective of the present assignment to `centroids`: sum of squared distances (`l2`) or of inner products.
   * Costs K D, not N D: the points enter through their sums. Clusters without points do not count.
   */
  objective(centroids: Float32Array, metric: Metric): number {
    const dim = this.#dim;
    let inner = 0;
    let squares = 0;
    for (let c = 0; c < this.counts.length; c += 1) {
      if (this.counts[c] === 0) continue;
      let dot = 0;
      let norm = 0;
      for (let j = c * dim; j < (c + 1) * dim; j += 1) {
        dot += centroids[j]! * this.sums[j]!;
        norm += centroids[j]! * centroids[j]!;
      }
      inner += dot;
      squares += norm * this.counts[c]!;
    }
    return metric === 'l2' ? Math.max(0, this.#totalSquaredNorm - 2 * inner + squares) : inner;
  }
}
