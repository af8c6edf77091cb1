import type { Metric } from '../engines/engine.ts';
import { gatherRows } from '../points.ts';
import type { AssignmentStep } from './assignment.ts';
import { DistanceBounds } from './distance-bounds.ts';
import { planIteration, type IterationPlan } from './mover-plan.ts';

/**
 * The assignment step of one run of Lloyd's algorithm, remembering enough to compute few of its N K scores.
 *
 * 1. Each point keeps an upper bound on the distance to its centroid and a lower bound on that to all others (Hamerly, SDM 2010). When
 *    centroids move, the bounds give way by as much; a point whose bounds do not meet is settled without a product.
 * 2. Late in a run few centroids move, but one that moves far would spoil the bounds of all points. So those that moved most are set
 *    apart and compared with the open points in one narrow product; the bounds give way by what the rest moved.
 * 3. What then is still open is computed in full.
 *
 * The labels are those of {@link AssignmentStep.nearest} on everything: bounds allow for the errors of scores, and a
 * point is settled only where they leave a gap, so never on a tie.
 */
export class BoundedAssignment {
  readonly #step: AssignmentStep;
  readonly #distances: DistanceBounds;
  readonly #dim: number;
  readonly #labels: Int32Array;
  readonly #upper: Float64Array;
  readonly #lower: Float64Array;
  #previous: Float32Array | undefined;
  #scores = 0;

  constructor(step: AssignmentStep, points: Float32Array, squaredNorms: Float64Array, dim: number, metric: Metric) {
    this.#step = step;
    this.#dim = dim;
    this.#distances = new DistanceBounds(points, squaredNorms, dim, metric);
    this.#labels = new Int32Array(squaredNorms.length).fill(-1);
    this.#upper = new Float64Array(squaredNorms.length).fill(Infinity);
    this.#lower = new Float64Array(squaredNorms.length).fill(-Infinity);
  }

  /** Scores computed so far. */
  get scores(): number {
    return this.#scores;
  }

  /**
   * @param centroids - [K, D], K the same in every call
   * @returns [N] ids in [0, K), -1 where every centroid is NaN; the next call changes it
   */
  async assign(centroids: Float32Array, k: number): Promise<Int32Array> {
    const previous = this.#previous;
    this.#previous = centroids.slice();
    if (previous === undefined) {
      await this.#compareAll(centroids, k, undefined);
      return this.#labels;
    }
    const drifts = this.#distances.move(previous, centroids, k);
    const open = this.#giveWay(drifts);
    if (open.length === 0) return this.#labels;
    const gaps = new Float64Array(open.length);
    for (let i = 0; i < open.length; i += 1) gaps[i] = this.#lower[open[i]!]! - this.#upper[open[i]!]!;
    const plan = planIteration(open, gaps, drifts);
    const failed = plan.compared.length > 0 ? await this.#compareMovers(centroids, drifts, plan) : [];
    const left = failed.length === 0 ? plan.full : Int32Array.from([...plan.full, ...failed]).sort();
    if (left.length > 0) {
      await this.#compareAll(centroids, k, left.length === this.#labels.length ? undefined : left);
    }
    return this.#labels;
  }

  /** Lets the bounds give way; returns the points whose bounds met, their bounds as they were. */
  #giveWay(drifts: Float64Array): Int32Array {
    let [most, first, second] = [-1, 0, 0];
    for (let c = 0; c < drifts.length; c += 1) {
      const drift = drifts[c]!;
      if (drift > first) [most, first, second] = [c, drift, first];
      else if (drift > second) second = drift;
    }
    const [labels, uppers, lowers] = [this.#labels, this.#upper, this.#lower];
    const open = new Int32Array(labels.length);
    let count = 0;
    for (let row = 0; row < labels.length; row += 1) {
      const label = labels[row]!;
      const upper = uppers[row]! + (label < 0 ? NaN : drifts[label]!);
      const lower = lowers[row]! - (label === most ? second : first);
      if (this.#apart(upper, lower)) {
        uppers[row] = upper;
        lowers[row] = lower;
      } else {
        open[count] = row;
        count += 1;
      }
    }
    return open.slice(0, count);
  }

  /** Compares points with the movers alone; returns those that are still open, ascending. */
  async #compareMovers(
    centroids: Float32Array,
    drifts: Float64Array,
    { movers, restDrift, compared }: IterationPlan,
  ): Promise<number[]> {
    const distances = this.#distances;
    const failed: number[] = [];
    const none = { best: undefined, bestScore: undefined, secondScore: undefined, error: undefined };
    const answer =
      movers.length === 0
        ? none
        : await this.#step.nearest(gatherRows(centroids, movers, this.#dim), movers.length, compared);
    this.#scores += movers.length * compared.length;
    for (let i = 0; i < compared.length; i += 1) {
      const row = compared[i]!;
      const own = this.#labels[row]!;
      const nearest = answer.best === undefined ? -1 : movers[answer.best[i]!]!;
      const error = answer.error?.[i] ?? 0;
      const runnerUp = distances.below(row, answer.secondScore?.[i] ?? -Infinity, error);
      const mover = nearest === own ? runnerUp : distances.below(row, answer.bestScore?.[i] ?? -Infinity, error);
      const rest = this.#lower[row]! - restDrift;
      const lower = Math.min(rest, mover);
      let upper = this.#upper[row]! + drifts[own]!;
      let exact = NaN;
      if (!this.#apart(upper, lower)) {
        exact = distances.exact(row, own);
        upper = exact + distances.margin(exact);
      }
      if (this.#apart(upper, lower)) {
        this.#upper[row] = upper;
        this.#lower[row] = lower;
        continue;
      }
      if (nearest >= 0 && nearest !== own) {
        const nearestUpper = distances.above(row, answer.bestScore![i]!, error);
        const others = Math.min(rest, exact - distances.margin(exact), runnerUp);
        if (this.#apart(nearestUpper, others)) {
          this.#labels[row] = nearest;
          this.#upper[row] = nearestUpper;
          this.#lower[row] = others;
          continue;
        }
      }
      failed.push(row);
    }
    return failed;
  }

  async #compareAll(centroids: Float32Array, k: number, rows: Int32Array | undefined): Promise<void> {
    const answer = await this.#step.nearest(centroids, k, rows);
    const count = answer.best.length;
    this.#scores += count * k;
    for (let i = 0; i < count; i += 1) {
      const row = rows?.[i] ?? i;
      const label = answer.best[i]!;
      this.#labels[row] = label;
      this.#upper[row] = label < 0 ? Infinity : this.#distances.above(row, answer.bestScore[i]!, answer.error[i]!);
      this.#lower[row] = label < 0 ? -Infinity : this.#distances.below(row, answer.secondScore[i]!, answer.error[i]!);
    }
  }

  /** True where the bounds leave a gap that float64 can see; false with a NaN. */
  #apart(upper: number, lower: number): boolean {
    return upper + 4 * this.#distances.margin(upper) < lower;
  }
}
