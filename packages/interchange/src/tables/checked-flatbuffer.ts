import { U2SegError } from '@u2seg/core';

/** A table of a flatbuffer whose vtable and fields lie within the buffer. */
export interface FlatTable {
  readonly position: number;
  readonly vtable: number;
  readonly vtableBytes: number;
  readonly bytes: number;
}

/** Elements of a vector that lies within the buffer. */
export interface FlatVector {
  readonly position: number;
  readonly length: number;
}

/**
 * Reads a flatbuffer and checks every step, because readers generated for the format trust what they read: an offset that points
 * outside, backwards or into itself makes them hang, or allocate what the file never had.
 *
 * Offsets only point forwards and every table visited costs one of a budget, so that reading ends after a time proportional to the
 * file.
 */
export class CheckedFlatbuffer {
  readonly #view: DataView;
  readonly #where: string;
  #budget: number;

  /** @param where - names file and part in errors */
  constructor(bytes: Uint8Array, where: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.#budget = 64 + bytes.byteLength;
  }

  /** The root table. @throws U2SegError `bad-format`, as every method */
  root(): FlatTable {
    return this.#table(this.#forward(0, 'root'), 'root');
  }

  /** A whole number of 1, 2, 4 or 8 bytes, `fallback` where the field is absent. */
  integer(table: FlatTable, field: number, bytes: 1 | 2 | 4 | 8, fallback = 0): number {
    const at = this.#field(table, field, bytes);
    if (at === undefined) return fallback;
    return this.integerAt(at, bytes);
  }

  integerAt(at: number, bytes: 1 | 2 | 4 | 8): number {
    this.#inside(at, bytes, 'a number');
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getInt16(at, true);
    if (bytes === 4) return this.#view.getInt32(at, true);
    const value = this.#view.getBigInt64(at, true);
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#bad(`a length or offset of ${value}`);
    return Number(value);
  }

  table(table: FlatTable, field: number, name: string): FlatTable | undefined {
    const at = this.#field(table, field, 4);
    return at === undefined ? undefined : this.#table(this.#forward(at, name), name);
  }

  /** @param bytes - of an element */
  vector(table: FlatTable, field: number, bytes: number, name: string): FlatVector | undefined {
    const at = this.#field(table, field, 4);
    if (at === undefined) return undefined;
    const position = this.#forward(at, name);
    this.#inside(position, 4, name);
    const length = this.#view.getUint32(position, true);
    this.#inside(position + 4, length * bytes, name);
    return { position: position + 4, length };
  }

  /** Tables a vector points to. */
  tables(table: FlatTable, field: number, name: string): FlatTable[] {
    const vector = this.vector(table, field, 4, name);
    if (vector === undefined) return [];
    return Array.from({ length: vector.length }, (_, i) =>
      this.#table(this.#forward(vector.position + 4 * i, name), name),
    );
  }

  string(table: FlatTable, field: number, name: string): void {
    this.vector(table, field, 1, name);
  }

  #table(position: number, name: string): FlatTable {
    this.#budget -= 1;
    if (this.#budget < 0) throw this.#bad(`more tables than it has bytes`);
    this.#inside(position, 4, name);
    const vtable = position - this.#view.getInt32(position, true);
    this.#inside(vtable, 4, name);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const bytes = this.#view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0 || bytes < 4) throw this.#bad(`a malformed table (${name})`);
    this.#inside(vtable, vtableBytes, name);
    this.#inside(position, bytes, name);
    return { position, vtable, vtableBytes, bytes };
  }

  /** Where a field is stored; undefined if it is not. */
  #field(table: FlatTable, field: number, bytes: number): number | undefined {
    const slot = 4 + 2 * field;
    if (slot + 2 > table.vtableBytes) return undefined;
    const offset = this.#view.getUint16(table.vtable + slot, true);
    if (offset === 0) return undefined;
    if (offset < 4 || offset + bytes > table.bytes) throw this.#bad(`field ${field} outside of its table`);
    return table.position + offset;
  }

  #forward(at: number, name: string): number {
    this.#inside(at, 4, name);
    const offset = this.#view.getUint32(at, true);
    if (offset < 4) throw this.#bad(`an offset of ${offset} (${name})`);
    return at + offset;
  }

  #inside(at: number, bytes: number, name: string): void {
    if (at >= 0 && at + bytes <= this.#view.byteLength) return;
    throw this.#bad(`${name} at [${at}, ${at + bytes}) of ${this.#view.byteLength} bytes`);
  }

  #bad(what: string): U2SegError {
    return new U2SegError('bad-format', `${this.#where}: damaged: it has ${what}.`);
  }
}
