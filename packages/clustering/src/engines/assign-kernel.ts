import { instantiateWasm } from '@u2seg/core';
import type { FloatNearestTwo } from './engine.ts';

interface AssignExports {
  readonly memory: WebAssembly.Memory;
  reserve(bytes: number): number;
  pack(source: number, panels: number, k: number, dim: number): void;
  nearestTwo(
    points: number,
    m: number,
    panels: number,
    bias: number,
    k: number,
    dim: number,
    scores: number,
    out: number,
  ): void;
  topTwo(scores: number, k: number, best: number, bestScore: number, second: number, secondScore: number): void;
  lowerSquaredDistances(points: number, n: number, dim: number, center: number, nearest: number): void;
}

/** Points handed to the kernel at once; a multiple of 4, small enough to stay in cache beside a panel of centroids. */
const blockRows = 128;

/** First byte the kernel may use; below it lies AssemblyScript's static data. */
const heapStart = 1024;

/** The SIMD assignment kernel with its own memory; one per thread. */
export class AssignKernel {
  readonly #wasm: AssignExports;
  #k = 0;
  #dim = 0;
  #panels = 0;
  #bias = 0;
  #points = 0;
  #scores = 0;
  #out = 0;

  constructor() {
    this.#wasm = instantiateWasm<AssignExports>(new URL('../../wasm/assign.wasm', import.meta.url));
  }

  /** Packs centroids [K, D] and their bias [K] for {@link AssignKernel.nearestTwo}. */
  setCentroids(centroids: Float32Array, bias: Float32Array, k: number, dim: number): void {
    const panels = Math.ceil(k / 8);
    const source = heapStart;
    this.#panels = source + 4 * k * dim;
    this.#bias = this.#panels + 32 * panels * dim;
    this.#points = this.#bias + 32 * panels;
    this.#scores = this.#points + 4 * blockRows * dim;
    this.#out = this.#scores + 4 * 32 * panels;
    this.#reserve(this.#out + 16 * blockRows);
    this.#k = k;
    this.#dim = dim;
    const floats = new Float32Array(this.#wasm.memory.buffer);
    floats.set(centroids.subarray(0, k * dim), source / 4);
    floats.fill(0, this.#bias / 4, this.#bias / 4 + 8 * panels);
    floats.set(bias.subarray(0, k), this.#bias / 4);
    this.#wasm.pack(source, this.#panels, k, dim);
  }

  /** Writes the two nearest centroids of points `[from, to)`, or of `rows[from, to)`, into `out`. */
  nearestTwo(points: Float32Array, from: number, to: number, out: FloatNearestTwo, rows?: Int32Array): void {
    const dim = this.#dim;
    const floats = new Float32Array(this.#wasm.memory.buffer);
    const ints = new Int32Array(this.#wasm.memory.buffer);
    const at = this.#points / 4;
    const o = this.#out / 4;
    for (let start = from; start < to; start += blockRows) {
      const size = Math.min(blockRows, to - start);
      const padded = Math.ceil(size / 4) * 4;
      if (rows === undefined) floats.set(points.subarray(start * dim, (start + size) * dim), at);
      else {
        for (let i = 0; i < size; i += 1) {
          const row = rows[start + i]!;
          floats.set(points.subarray(row * dim, (row + 1) * dim), at + i * dim);
        }
      }
      this.#wasm.nearestTwo(this.#points, padded, this.#panels, this.#bias, this.#k, dim, this.#scores, this.#out);
      out.best.set(ints.subarray(o, o + size), start);
      out.bestScore.set(floats.subarray(o + padded, o + padded + size), start);
      out.second.set(ints.subarray(o + 2 * padded, o + 2 * padded + size), start);
      out.secondScore.set(floats.subarray(o + 3 * padded, o + 3 * padded + size), start);
    }
  }

  #reserve(bytes: number): void {
    if (this.#wasm.reserve(bytes) < 0) {
      throw new RangeError(`clustering: the assignment kernel cannot get ${bytes} bytes of memory`);
    }
  }
}

/** Finds the two largest scores of rows that another engine computed. */
export class TopTwoKernel {
  readonly #wasm: AssignExports;

  constructor() {
    this.#wasm = instantiateWasm<AssignExports>(new URL('../../wasm/assign.wasm', import.meta.url));
  }

  /** @param scores - [rows, K]; written to `out` from row `start` */
  run(scores: Float32Array, rows: number, k: number, out: FloatNearestTwo, start: number): void {
    const at = heapStart + 4 * rows * k;
    if (this.#wasm.reserve(at + 16) < 0) throw new RangeError(`clustering: cannot get ${at + 16} bytes of memory`);
    const { buffer } = this.#wasm.memory;
    new Float32Array(buffer, heapStart, rows * k).set(scores.subarray(0, rows * k));
    const ints = new Int32Array(buffer, at, 4);
    const floats = new Float32Array(buffer, at, 4);
    for (let i = 0; i < rows; i += 1) {
      this.#wasm.topTwo(heapStart + 4 * i * k, k, at, at + 4, at + 8, at + 12);
      out.best[start + i] = ints[0]!;
      out.bestScore[start + i] = floats[1]!;
      out.second[start + i] = ints[2]!;
      out.secondScore[start + i] = floats[3]!;
    }
  }
}

/** Points resident in WASM memory: squared distance of each to the nearest chosen centre, for k-means++ and kNN. */
export class DistanceKernel {
  readonly #wasm: AssignExports;
  readonly #n: number;
  readonly #dim: number;
  readonly #center: number;
  readonly #nearest: number;

  constructor(points: Float32Array, n: number, dim: number) {
    this.#wasm = instantiateWasm<AssignExports>(new URL('../../wasm/assign.wasm', import.meta.url));
    this.#n = n;
    this.#dim = dim;
    this.#center = heapStart + 4 * n * dim;
    this.#nearest = this.#center + 4 * dim;
    if (this.#wasm.reserve(this.#nearest + 4 * n) < 0) {
      throw new RangeError(`clustering: k-means++ cannot get ${this.#nearest + 4 * n} bytes of memory`);
    }
    const floats = new Float32Array(this.#wasm.memory.buffer);
    floats.set(points.subarray(0, n * dim), heapStart / 4);
    floats.fill(Infinity, this.#nearest / 4, this.#nearest / 4 + n);
  }

  /** [N] squared distances to point `row` alone; a view that the next call changes. */
  distancesTo(row: number): Float32Array {
    new Float32Array(this.#wasm.memory.buffer).fill(Infinity, this.#nearest / 4, this.#nearest / 4 + this.#n);
    return this.addCenter(row);
  }

  /** [N] squared distances after `row` has become a centre too; a view that the next call changes. */
  addCenter(row: number): Float32Array {
    const floats = new Float32Array(this.#wasm.memory.buffer);
    const from = heapStart / 4 + row * this.#dim;
    floats.copyWithin(this.#center / 4, from, from + this.#dim);
    this.#wasm.lowerSquaredDistances(heapStart, this.#n, this.#dim, this.#center, this.#nearest);
    return floats.subarray(this.#nearest / 4, this.#nearest / 4 + this.#n);
  }
}
