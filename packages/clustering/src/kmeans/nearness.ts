import { instantiateWasm } from '@u2seg/core';
import type { Metric } from '../engines/engine.ts';

interface NearnessExports {
  readonly memory: WebAssembly.Memory;
  reserve(bytes: number): number;
  nearness(x: number, c: number, dim: number, inner: number): number;
}

/** First byte the kernel may use; below it lies AssemblyScript's static data. */
const heapStart = 1024;

/**
 * How near points are to centroids, in float64: minus the squared distance (`l2`), or the inner product.
 *
 * The last word wherever float32 cannot tell two centroids apart: equal rows give equal numbers, so that ties are seen.
 */
export class Nearness {
  readonly #points: Float32Array;
  readonly #dim: number;
  readonly #inner: number;
  #wasm: NearnessExports | undefined;
  #centroids: Float32Array | undefined;
  #row = -1;
  #floats = new Float32Array(0);

  /** @param points - [N, D] */
  constructor(points: Float32Array, dim: number, metric: Metric) {
    this.#points = points;
    this.#dim = dim;
    this.#inner = metric === 'inner-product' ? 1 : 0;
  }

  /** @param centroids - [K, D]; copied when the first point is compared, so it must not change before the next call */
  setCentroids(centroids: Float32Array): void {
    this.#centroids = centroids;
    this.#row = -1;
  }

  of(row: number, cluster: number): number {
    if (this.#row !== row) this.#load(row);
    const first = heapStart + 4 * this.#dim;
    return this.#wasm!.nearness(heapStart, first + 4 * cluster * this.#dim, this.#dim, this.#inner);
  }

  #load(row: number): void {
    const dim = this.#dim;
    if (this.#row < 0) {
      const centroids = this.#centroids!;
      this.#wasm ??= instantiateWasm<NearnessExports>(new URL('../../wasm/assign.wasm', import.meta.url));
      const bytes = heapStart + 4 * (dim + centroids.length);
      if (this.#wasm.reserve(bytes) < 0) throw new RangeError(`clustering: cannot get ${bytes} bytes of memory`);
      this.#floats = new Float32Array(this.#wasm.memory.buffer);
      this.#floats.set(centroids, heapStart / 4 + dim);
    }
    this.#floats.set(this.#points.subarray(row * dim, (row + 1) * dim), heapStart / 4);
    this.#row = row;
  }
}

/**
 * Bound on the error of a float32 inner product of length `dim`, relative to |x| |c|, in whatever order it is summed.
 */
export function floatRounding(dim: number): number {
  return (dim + 4) * 2 ** -24;
}

/** Bound on what products below the range of normal float32 numbers may lose in an inner product of length `dim`. */
export function underflow(dim: number): number {
  return (dim + 4) * 2 ** -126;
}
