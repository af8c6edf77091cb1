import { availableParallelism } from 'node:os';
import { assertInteger, WorkerPool } from '@u2seg/core';
import { AssignKernel } from './assign-kernel.ts';
import type { AssignJob } from './assign-worker.ts';
import { emptyNearestTwo, scoreBias, type ClusteringEngine, type LoadedPoints, type NearestTwo } from './engine.ts';

export interface WasmEngineOptions {
  /** Worker threads; 0 computes on the calling thread. */
  readonly threads?: number;
  /** Multiply-adds per assignment (N * K * D) below which the calling thread computes alone. */
  readonly minWorkForThreads?: number;
}

/** Two hundred million multiply-adds take about 20 ms on one thread, as long as it takes to start a worker. */
export const wasmEngineDefaults: Required<WasmEngineOptions> = {
  threads: Math.min(8, availableParallelism()),
  minWorkForThreads: 200_000_000,
};

/** Points per job: enough to amortise a message, few enough to keep the threads level. */
const rowsPerJob = 4096;

/**
 * Our own engine: an AssemblyScript SIMD kernel on worker threads over shared memory. Installs anywhere, needs no
 * native part; about a tenth of the speed of a native matrix product.
 */
export function wasmEngine(options: WasmEngineOptions = {}): ClusteringEngine {
  const { threads, minWorkForThreads } = { ...wasmEngineDefaults, ...options };
  assertInteger('wasmEngine: threads', threads, 0, 256);
  return {
    name: 'wasm',
    exact: false,
    load(points, n, dim, metric): Promise<LoadedPoints> {
      let kernel: AssignKernel | undefined;
      let shared: SharedPoints | undefined;
      return Promise.resolve({
        async nearestTwo(centroids, k, rows) {
          const bias = scoreBias(centroids, k, dim, metric);
          const count = rows?.length ?? n;
          if (threads === 0 || count * k * dim < minWorkForThreads) {
            kernel ??= new AssignKernel();
            kernel.setCentroids(centroids, bias, k, dim);
            const out = emptyNearestTwo(count);
            kernel.nearestTwo(points, 0, count, out, rows);
            return out;
          }
          shared ??= new SharedPoints(points, n, dim, threads);
          return shared.nearestTwo(centroids, bias, k, rows);
        },
        async dispose() {
          await shared?.close();
          kernel = undefined;
          shared = undefined;
        },
      });
    },
  };
}

let sets = 0;

/** Points copied once to shared memory (unless they are there already), and the threads that read them. */
class SharedPoints {
  readonly #points: SharedArrayBuffer;
  readonly #n: number;
  readonly #dim: number;
  readonly #pool: WorkerPool<AssignJob, number>;

  constructor(points: Float32Array, n: number, dim: number, threads: number) {
    this.#n = n;
    this.#dim = dim;
    this.#points =
      points.buffer instanceof SharedArrayBuffer && points.byteOffset === 0
        ? points.buffer
        : sharedCopy(points.subarray(0, n * dim));
    this.#pool = new WorkerPool(new URL('./assign-worker.ts', import.meta.url), { size: threads });
  }

  async nearestTwo(centroids: Float32Array, bias: Float32Array, k: number, rows?: Int32Array): Promise<NearestTwo> {
    const n = rows?.length ?? this.#n;
    const out = new SharedArrayBuffer(16 * n);
    sets += 1;
    const common = {
      points: this.#points,
      centroids: sharedCopy(centroids),
      bias: sharedCopy(bias),
      version: String(sets),
      k,
      dim: this.#dim,
      out,
      n,
      ...(rows === undefined ? {} : { rows: sharedCopy(rows) }),
    };
    const jobs: Promise<number>[] = [];
    for (let from = 0; from < n; from += rowsPerJob) {
      jobs.push(this.#pool.run({ ...common, from, to: Math.min(n, from + rowsPerJob) }));
    }
    await Promise.all(jobs);
    return {
      best: new Int32Array(out, 0, n),
      bestScore: new Float32Array(out, 4 * n, n),
      second: new Int32Array(out, 8 * n, n),
      secondScore: new Float32Array(out, 12 * n, n),
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function sharedCopy(values: Float32Array | Int32Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(values.byteLength);
  new Uint8Array(buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return buffer;
}
