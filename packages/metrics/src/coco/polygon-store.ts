import { rleFromPolygons } from '@u2seg/core';
import { addSegmentation } from './coco-segmentation.ts';
import { RunTableBuilder, type RunTable } from './run-table.ts';

/** Coordinates held by one block, 512 kB. */
const blockLength = 65536;

/**
 * COCO segmentations as they were read, until masks are wanted: polygons as numbers in blocks, a third of what lists of lists
 * take; anything else (run lengths, and what is malformed) as it came.
 */
export class PolygonStore {
  /** [rows + 1] first polygon of each row. */
  readonly #firsts: Int32Array;
  /** Where each polygon begins, counted over all blocks. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #blocks: Float64Array[] = [];
  readonly #others = new Map<number, unknown>();
  #rows = 0;
  #used = blockLength;

  /** @param capacity - rows that will be added */
  constructor(capacity: number) {
    this.#firsts = new Int32Array(capacity + 1);
  }

  /** Appends the segmentation of the next row; it is checked when masks are made. */
  add(value: unknown): void {
    if (isPolygonList(value)) for (const polygon of value) this.#addPolygon(polygon);
    else this.#others.set(this.#rows, value);
    this.#rows += 1;
    this.#firsts[this.#rows] = this.#starts.length;
  }

  /**
   * Checks and rasterises every row.
   *
   * @param nameOf - the row's name in error messages, with its file's
   * @param sizeOf - size of the row's image
   */
  rasterise(
    nameOf: (row: number) => string,
    sizeOf: (row: number) => { readonly height: number; readonly width: number },
  ): RunTable {
    const builder = new RunTableBuilder();
    for (let row = 0; row < this.#rows; row += 1) {
      const size = sizeOf(row);
      if (this.#others.has(row)) addSegmentation(nameOf(row), this.#others.get(row), size, builder);
      else if (size.height === 0) builder.addAbsent();
      else builder.add(rleFromPolygons(this.#polygonsOf(row), size.height, size.width));
    }
    return builder.build();
  }

  #polygonsOf(row: number): Float64Array[] {
    const polygons: Float64Array[] = [];
    for (let i = this.#firsts[row]!; i < this.#firsts[row + 1]!; i += 1) {
      const from = this.#starts[i]! % blockLength;
      polygons.push(this.#blocks[Math.floor(this.#starts[i]! / blockLength)]!.subarray(from, from + this.#lengths[i]!));
    }
    return polygons;
  }

  #addPolygon(polygon: readonly number[]): void {
    if (this.#used + polygon.length > blockLength) {
      this.#blocks.push(new Float64Array(blockLength));
      this.#used = 0;
    }
    this.#blocks.at(-1)!.set(polygon, this.#used);
    this.#starts.push((this.#blocks.length - 1) * blockLength + this.#used);
    this.#lengths.push(polygon.length);
    this.#used += polygon.length;
  }
}

/** Polygons that fit and need no complaint. */
function isPolygonList(value: unknown): value is number[][] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (polygon: unknown) =>
        Array.isArray(polygon) &&
        polygon.length >= 6 &&
        polygon.length % 2 === 0 &&
        polygon.length <= blockLength &&
        polygon.every((number) => typeof number === 'number' && Number.isFinite(number)),
    )
  );
}
