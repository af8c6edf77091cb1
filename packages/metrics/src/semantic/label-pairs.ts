import { instantiateWasm } from '@u2seg/core';

interface PairKernel {
  readonly memory: WebAssembly.Memory;
  blockSize(): number;
  firstBlock(): number;
  secondBlock(): number;
  counts(): number;
  touchedRows(): number;
  countBlock(pixels: number): void;
}

/** Labels of an 8-bit map. */
const numLabels = 256;

/**
 * How often each pair of labels occurs: [256, 256] counts, first map's label x second map's label.
 *
 * @param pairs - [256, 256] room for the counts, overwritten; saves the allocation
 */
export function countLabelPairs(
  first: Uint8Array,
  second: Uint8Array,
  pairs: Uint32Array = new Uint32Array(numLabels * numLabels),
): Uint32Array {
  pairs.fill(0);
  counter().drain(first, second, (row, counts) => pairs.set(counts, row * numLabels));
  return pairs;
}

/**
 * Adds the pixels of each pair of labels to `sums`; pairs outside [rows, columns] are left out.
 *
 * @param sums - [rows, columns], first map's label x second map's label
 */
export function addLabelPairs(
  first: Uint8Array,
  second: Uint8Array,
  sums: Float64Array,
  rows: number,
  columns: number,
): void {
  const used = Math.min(columns, numLabels);
  counter().drain(first, second, (row, counts) => {
    if (row >= rows) return;
    for (let column = 0; column < used; column += 1) sums[row * columns + column]! += counts[column]!;
  });
}

/** The WebAssembly kernel with its memory: blocks of the maps go in, rows of counts come out. */
class PairCounter {
  readonly #kernel: PairKernel;
  readonly #first: Uint8Array;
  readonly #second: Uint8Array;
  readonly #counts: Uint32Array;
  readonly #touched: Uint8Array;

  constructor() {
    this.#kernel = instantiateWasm<PairKernel>(new URL('../../wasm/label-pairs.wasm', import.meta.url));
    const { buffer } = this.#kernel.memory;
    const size = this.#kernel.blockSize();
    this.#first = new Uint8Array(buffer, this.#kernel.firstBlock(), size);
    this.#second = new Uint8Array(buffer, this.#kernel.secondBlock(), size);
    this.#counts = new Uint32Array(buffer, this.#kernel.counts(), numLabels * numLabels);
    this.#touched = new Uint8Array(buffer, this.#kernel.touchedRows(), numLabels);
  }

  /** Counts two maps of one length and hands over each row that is not all zero; `counts` is valid during the call. */
  drain(first: Uint8Array, second: Uint8Array, take: (row: number, counts: Uint32Array) => void): void {
    const block = this.#first.length;
    for (let from = 0; from < first.length; from += block) {
      const to = Math.min(first.length, from + block);
      this.#first.set(first.subarray(from, to));
      this.#second.set(second.subarray(from, to));
      this.#kernel.countBlock(to - from);
    }
    for (let row = 0; row < numLabels; row += 1) {
      if (this.#touched[row] === 0) continue;
      const counts = this.#counts.subarray(row * numLabels, (row + 1) * numLabels);
      take(row, counts);
      counts.fill(0);
      this.#touched[row] = 0;
    }
  }
}

let shared: PairCounter | undefined;

/** One for the thread: it holds nothing between calls. */
function counter(): PairCounter {
  shared ??= new PairCounter();
  return shared;
}
