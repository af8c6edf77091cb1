// Worker thread of the `wasm` engine: answers for a range of points that live in shared memory.
import { serveWorker } from '@u2seg/core';
import { AssignKernel } from './assign-kernel.ts';
import { emptyNearestTwo } from './engine.ts';

/** One range of points and the centroids of the current iteration; every buffer is shared. */
export interface AssignJob {
  readonly points: SharedArrayBuffer;
  readonly centroids: SharedArrayBuffer;
  readonly bias: SharedArrayBuffer;
  readonly rows: SharedArrayBuffer | undefined;
  /** Grows by one with every set of centroids, so that a worker packs each set once. */
  readonly version: string;
  readonly k: number;
  readonly dim: number;
  readonly from: number;
  readonly to: number;
  /** [4, M] 32-bit words: best, bestScore, second, secondScore. */
  readonly out: SharedArrayBuffer;
  readonly m: number;
}

const kernel = new AssignKernel();
let packed = '';

serveWorker<AssignJob, number>((job) => {
  if (packed !== job.version) {
    kernel.setCentroids(new Float32Array(job.centroids), new Float32Array(job.bias), job.k, job.dim);
    packed = job.version;
  }
  const size = job.to - job.from;
  const points = new Float32Array(job.points);
  const answer = emptyNearestTwo(size);
  const rows =
    job.rows === undefined
      ? Int32Array.from({ length: size }, (_, i) => job.from + i)
      : new Int32Array(job.rows, 4 * job.from, size);
  kernel.nearestTwo(points, rows, 0, size, answer);
  new Int32Array(job.out, 4 * job.from, size).set(answer.best);
  new Float32Array(job.out, 4 * (job.m + job.from), size).set(answer.bestScore);
  new Int32Array(job.out, 4 * (2 * job.m + job.from), size).set(answer.second);
  new Float32Array(job.out, 4 * (3 * job.m + job.from), size).set(answer.secondScore);
  return { result: size };
});
