import { floatRounding } from '../../kmeans/nearness.ts';
import { squaredNorm } from '../../points.ts';
import type { Metric } from '../engine.ts';
import type { CentroidRounding, ScoreProducts } from './score-products.ts';
import { take, type TfModule } from './tfjs-module.ts';

/** Points as the caller has them; see `ClusteringEngine.load`. */
export interface PointSet {
  readonly points: Float32Array;
  readonly n: number;
  readonly dim: number;
  readonly metric: Metric;
  readonly squaredNorms: Float64Array;
}

/** Consecutive points on the device; all lists are [rows]. */
export interface Block {
  readonly from: number;
  readonly rows: number;
  readonly held: unknown;
  /** Length of the centred point, and how far what is held is from it. */
  readonly lengths: Float64Array;
  readonly residuals: Float64Array;
  /** What turns a centred score into one of the points as they are, and the error of that. */
  readonly shifts: Float64Array;
  readonly shiftErrors: Float64Array;
}

/** Points the centre is the mean of. */
const centreRows = 1024;

/** Brings points `[from, from + rows)` to the device, moved to `middle` [D]. */
export async function loadBlock(
  tf: TfModule,
  { points, dim, metric, squaredNorms }: PointSet,
  middle: Float32Array,
  products: ScoreProducts<unknown>,
  from: number,
  rows: number,
): Promise<Block> {
  const centre = tf.tensor2d(middle, [1, dim]);
  const [centred, squares, along] = tf.tidy(() => {
    const raw = tf.tensor2d(points.subarray(from * dim, (from + rows) * dim), [rows, dim]);
    const moved = tf.sub(raw, centre);
    return [moved, tf.sum(tf.square(moved), 1), tf.sum(tf.mul(moved, centre), 1)] as const;
  });
  const { held, residuals } = await products.hold(centred, rows);
  const norms = await take(squares);
  const inner = await take(along);
  for (const tensor of [centred, centre]) tensor.dispose();
  const unit = floatRounding(dim);
  const centreLength = Math.sqrt(squaredNorm(middle, 0, dim));
  const block: Block = {
    from,
    rows,
    held,
    lengths: new Float64Array(rows),
    residuals: new Float64Array(rows),
    shifts: new Float64Array(rows),
    shiftErrors: new Float64Array(rows),
  };
  for (let i = 0; i < rows; i += 1) {
    const norm = squaredNorms[from + i]!;
    const length = Math.sqrt(norms[i]! * (1 + 2 * unit));
    block.lengths[i] = length;
    // Moving to the centre rounds each coordinate once.
    block.residuals[i] = residuals[i]! + 2 ** -23 * length;
    block.shifts[i] = metric === 'l2' ? (norm - norms[i]!) / 2 : inner[i]!;
    block.shiftErrors[i] =
      (metric === 'l2' ? 2 * unit * length * length : 2 * unit * length * centreLength) + 1e-14 * norm;
  }
  return block;
}

/** Bound on the error of the scores of one point, rounding of the finished score left out. */
export function errorOf(block: Block, place: number, centroids: CentroidRounding): number {
  const [length, off] = [block.lengths[place]!, block.residuals[place]!];
  const residual = centroids.residual + 2 ** -23 * centroids.longest;
  return off * (centroids.longest + residual) + (length + off) * (residual + centroids.perLength) + centroids.constant;
}

/** [D] mean of evenly spaced points. */
export function meanOf(points: Float32Array, n: number, dim: number): Float32Array {
  const rows = Math.min(n, centreRows);
  const sum = new Float64Array(dim);
  for (let i = 0; i < rows; i += 1) {
    const at = Math.floor((i * n) / rows) * dim;
    for (let j = 0; j < dim; j += 1) sum[j]! += points[at + j]!;
  }
  return Float32Array.from(sum, (value) => value / rows);
}
