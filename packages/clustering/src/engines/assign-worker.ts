// Worker thread of the `wasm` engine: answers for a range of points that live in shared memory.
import { serveWorker } from '@u2seg/core';
import { AssignKernel } from './assign-kernel.ts';
import { emptyNearestTwo } from './engine.ts';

/** One range of the points asked about and the centroids of the current iteration; every buffer is shared. */
export interface AssignJob {
  readonly points: SharedArrayBuffer;
  readonly centroids: SharedArrayBuffer;
  readonly bias: SharedArrayBuffer;
  /** Grows by one with every set of centroids, so that a worker packs each set once. */
  readonly version: string;
  readonly k: number;
  readonly dim: number;
  /** [rows] the points asked about; all of them without it. `from` and `to` count in this list. */
  readonly rows?: SharedArrayBuffer;
  readonly from: number;
  readonly to: number;
  /** [4, n] 32-bit words: best, bestScore, second, secondScore. */
  readonly out: SharedArrayBuffer;
  /** Points asked about. */
  readonly n: number;
}

const kernel = new AssignKernel();
let packed = '';

serveWorker<AssignJob, number>((job) => {
  if (packed !== job.version) {
    kernel.setCentroids(new Float32Array(job.centroids), new Float32Array(job.bias), job.k, job.dim);
    packed = job.version;
  }
  const size = job.to - job.from;
  const answer = emptyNearestTwo(size);
  if (job.rows === undefined) {
    kernel.nearestTwo(new Float32Array(job.points, 4 * job.from * job.dim, size * job.dim), 0, size, answer);
  } else {
    kernel.nearestTwo(new Float32Array(job.points), 0, size, answer, new Int32Array(job.rows, 4 * job.from, size));
  }
  new Int32Array(job.out, 4 * job.from, size).set(answer.best);
  new Float32Array(job.out, 4 * (job.n + job.from), size).set(answer.bestScore);
  new Int32Array(job.out, 4 * (2 * job.n + job.from), size).set(answer.second);
  new Float32Array(job.out, 4 * (3 * job.n + job.from), size).set(answer.secondScore);
  return { result: size };
});
