import { U2SegError, type Rle } from '@u2seg/core';
import { decodeRleString } from '@u2seg/core/internal';

/**
 * Many masks, packed: each mask is its runs of ones as [start, end) pairs of column-major pixel positions. Intersections of
 * such lists need no per-mask objects, and area and box are at hand.
 */
export interface RunTable {
  readonly length: number;
  /** [length + 1]; the pairs of mask `i` lie in `edges[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Uint32Array;
  /** start, end, start, end, ... */
  readonly edges: Uint32Array;
  /** [length] pixels set. */
  readonly areas: Float64Array;
  /** [length, 4] tight box in pixels, x y w h; zeros for an empty mask. */
  readonly bboxXywh: Float64Array;
  /** [length] size of the image each mask belongs to. */
  readonly heights: Uint32Array;
  readonly widths: Uint32Array;
  /** Rows of records that have no mask, rising; empty in every other column. Not to be taken for empty masks. */
  readonly absent: readonly number[];
}

/** The table without its absent rows. */
export function withoutAbsent(table: RunTable): RunTable {
  if (table.absent.length === 0) return table;
  const kept = presentRows(table);
  const { offsets, areas, bboxXywh, heights, widths, edges } = table;
  return {
    length: kept.length,
    // absent rows have no edges
    offsets: Uint32Array.from([...kept.map((row) => offsets[row]!), edges.length]),
    edges,
    areas: Float64Array.from(kept, (row) => areas[row]!),
    bboxXywh: Float64Array.from(kept.flatMap((row) => [...bboxXywh.subarray(4 * row, 4 * row + 4)])),
    heights: Uint32Array.from(kept, (row) => heights[row]!),
    widths: Uint32Array.from(kept, (row) => widths[row]!),
    absent: [],
  };
}

/** Rows that have a mask. */
export function presentRows({ length, absent }: RunTable): number[] {
  const lacking = new Set(absent);
  return Array.from({ length }, (_, row) => row).filter((row) => !lacking.has(row));
}

/** One mask of a table, unpacked. */
export function maskAt(table: RunTable, row: number): Rle {
  const [from, to] = [table.offsets[row]!, table.offsets[row + 1]!];
  const [height, width] = [table.heights[row]!, table.widths[row]!];
  const counts: number[] = [];
  let position = 0;
  for (let i = from; i < to; i += 2) {
    const [start, end] = [table.edges[i]!, table.edges[i + 1]!];
    // Runs that touch are one.
    if (start === position && counts.length > 0) counts[counts.length - 1]! += end - start;
    else counts.push(start - position, end - start);
    position = end;
  }
  if (position < height * width || counts.length === 0) counts.push(height * width - position);
  return { height, width, counts: Uint32Array.from(counts) };
}

/** Collects masks one by one into a {@link RunTable}. */
export class RunTableBuilder {
  #offsets: number[] = [0];
  #edges: Uint32Array = new Uint32Array(1024);
  #used = 0;
  #scratch: Uint32Array = new Uint32Array(1024);
  #areas: number[] = [];
  #boxes: number[] = [];
  #heights: number[] = [];
  #widths: number[] = [];
  #absent: number[] = [];

  /** Rows so far of records that have no mask. */
  get numAbsent(): number {
    return this.#absent.length;
  }

  /** Appends a row for a record that has no mask. */
  addAbsent(): void {
    this.#absent.push(this.#areas.length);
    this.#append(new Uint32Array(0), 0, 0, 0);
  }

  /** Appends one mask; the counts must already be known to add up. */
  add(rle: Rle): void {
    this.#append(rle.counts, rle.counts.length, rle.height, rle.width);
  }

  /**
   * Appends one mask from the COCO API's compressed string, without an object in between.
   *
   * @throws U2SegError `bad-format` for a broken string, or counts that do not add up to `height * width`
   */
  addString(height: number, width: number, text: string): void {
    if (text.length > this.#scratch.length) this.#scratch = new Uint32Array(2 * text.length);
    const length = decodeRleString(text, this.#scratch);
    let sum = 0;
    for (let i = 0; i < length; i += 1) sum += this.#scratch[i]!;
    if (sum !== height * width) {
      throw new U2SegError(
        'bad-format',
        `counts must add up to ${height} x ${width} = ${height * width} pixels, got ${sum}.`,
      );
    }
    this.#append(this.#scratch, length, height, width);
  }

  #append(counts: Uint32Array, length: number, height: number, width: number): void {
    if (this.#used + length + 1 > this.#edges.length) this.#grow(this.#used + length + 1);
    const edges = this.#edges;
    let position = 0;
    let area = 0;
    let top = height;
    let bottom = 0;
    const first = this.#used;
    let used = first;
    for (let i = 1; i < length; i += 2) {
      const start = position + counts[i - 1]!;
      const end = start + counts[i]!;
      position = end;
      if (end === start) continue;
      edges[used] = start;
      edges[used + 1] = end;
      used += 2;
      area += end - start;
      const y0 = start % height;
      const y1 = y0 + (end - start);
      if (y1 > height) {
        top = 0;
        bottom = height;
      } else {
        if (y0 < top) top = y0;
        if (y1 > bottom) bottom = y1;
      }
    }
    this.#used = used;
    this.#offsets.push(used);
    this.#areas.push(area);
    this.#heights.push(height);
    this.#widths.push(width);
    if (area === 0) {
      this.#boxes.push(0, 0, 0, 0);
    } else {
      const left = Math.floor(edges[first]! / height);
      const right = Math.floor((edges[used - 1]! - 1) / height);
      this.#boxes.push(left, top, right - left + 1, bottom - top);
    }
  }

  build(): RunTable {
    return {
      length: this.#areas.length,
      offsets: Uint32Array.from(this.#offsets),
      edges: this.#edges.slice(0, this.#used),
      areas: Float64Array.from(this.#areas),
      bboxXywh: Float64Array.from(this.#boxes),
      heights: Uint32Array.from(this.#heights),
      widths: Uint32Array.from(this.#widths),
      absent: this.#absent,
    };
  }

  #grow(wanted: number): void {
    const larger = new Uint32Array(Math.max(wanted, this.#edges.length * 2));
    larger.set(this.#edges);
    this.#edges = larger;
  }
}

/** Packs masks; see {@link RunTable}. */
export function packMasks(masks: readonly Rle[]): RunTable {
  const builder = new RunTableBuilder();
  for (const mask of masks) builder.add(mask);
  return builder.build();
}

/** Pixels set in both masks. The caller has checked that they belong to images of one size. */
export function runIntersection(a: RunTable, i: number, b: RunTable, j: number): number {
  const ea = a.edges;
  const eb = b.edges;
  let p = a.offsets[i]!;
  let q = b.offsets[j]!;
  const endP = a.offsets[i + 1]!;
  const endQ = b.offsets[j + 1]!;
  if (p === endP || q === endQ) return 0;
  let area = 0;
  let s0 = ea[p]!;
  let e0 = ea[p + 1]!;
  let s1 = eb[q]!;
  let e1 = eb[q + 1]!;
  for (;;) {
    const from = s0 > s1 ? s0 : s1;
    const to = e0 < e1 ? e0 : e1;
    if (to > from) area += to - from;
    if (e0 <= e1) {
      p += 2;
      if (p === endP) return area;
      s0 = ea[p]!;
      e0 = ea[p + 1]!;
    } else {
      q += 2;
      if (q === endQ) return area;
      s1 = eb[q]!;
      e1 = eb[q + 1]!;
    }
  }
}

/** @throws U2SegError `shape-mismatch` if mask `i` of `a` and mask `j` of `b` belong to images of different size */
export function assertSameImageSize(where: string, a: RunTable, i: number, b: RunTable, j: number): void {
  if (a.heights[i] !== b.heights[j] || a.widths[i] !== b.widths[j]) {
    throw new U2SegError(
      'shape-mismatch',
      `${where}: masks must have the size of their image, got ${a.heights[i]} x ${a.widths[i]} and ${b.heights[j]} x ${b.widths[j]}.`,
    );
  }
}
