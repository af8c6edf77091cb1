// Worker thread of the `wasm` engine: answers for a range of points that live in shared memory.
import { serveWorker } from '@u2seg/core';
import { AssignKernel } from './assign-kernel.ts';
import { emptyNearestTwo } from './engine.ts';

/** One range of points and the centroids of the current iteration; every buffer is shared. */
export interface AssignJob {
  readonly points: SharedArrayBuffer;
  readonly centroids: SharedArrayBuffer;
  readonly bias: SharedArrayBuffer;
  /** Grows by one with every set of centroids, so that a worker packs each set once. */
  readonly version: string;
  readonly k: number;
  readonly dim: number;
  readonly from: number;
  readonly to: number;
  /** [4, N] 32-bit words: best, bestScore, second, secondScore. */
  readonly out: SharedArrayBuffer;
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
  const points = new Float32Array(job.points, 4 * job.from * job.dim, size * job.dim);
  const answer = emptyNearestTwo(size);
  kernel.nearestTwo(points, 0, size, answer);
  new Int32Array(job.out, 4 * job.from, size).set(answer.best);
  new Float32Array(job.out, 4 * (job.n + job.from), size).set(answer.bestScore);
  new Int32Array(job.out, 4 * (2 * job.n + job.from), size).set(answer.second);
  new Float32Array(job.out, 4 * (3 * job.n + job.from), size).set(answer.secondScore);
  return { result: size };
});
