/** Writes the few opcodes of pickle protocol 2 that a checkpoint needs. */
export class PickleWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  constructor() {
    this.#put(0x80, 2);
  }

  none(): void {
    this.#put(0x4e);
  }

  boolean(value: boolean): void {
    this.#put(value ? 0x88 : 0x89);
  }

  /** A Python int where the number is whole and safe, a float otherwise. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.integer(value);
    const view = this.#reserve(9);
    view.setUint8(0, 0x47);
    view.setFloat64(1, value, false);
  }

  integer(value: number | bigint): void {
    if (value >= 0 && value < 256) return this.#put(0x4b, Number(value));
    if (value >= -0x80000000 && value <= 0x7fffffff) {
      const view = this.#reserve(5);
      view.setUint8(0, 0x4a);
      view.setInt32(1, Number(value), true);
      return;
    }
    const digits: number[] = [];
    let rest = BigInt(value);
    // Two's complement, little-endian, until what is left is only the sign.
    for (;;) {
      const byte = Number(rest & 0xffn);
      digits.push(byte);
      rest >>= 8n;
      if ((rest === 0n && byte < 0x80) || (rest === -1n && byte >= 0x80)) break;
    }
    this.#put(0x8a, digits.length, ...digits);
  }

  text(value: string): void {
    const utf8 = new TextEncoder().encode(value);
    const view = this.#reserve(5);
    view.setUint8(0, 0x58);
    view.setUint32(1, utf8.byteLength, true);
    this.#reserve(utf8.byteLength);
    this.#bytes.set(utf8, this.#length - utf8.byteLength);
  }

  global(module: string, name: string): void {
    this.#put(0x63, ...new TextEncoder().encode(`${module}\n${name}\n`));
  }

  mark(): void {
    this.#put(0x28);
  }

  /** Tuple of everything since the last mark. */
  tuple(): void {
    this.#put(0x74);
  }

  integers(values: readonly number[]): void {
    this.mark();
    for (const value of values) this.integer(value);
    this.tuple();
  }

  emptyList(): void {
    this.#put(0x5d);
  }

  appends(): void {
    this.#put(0x65);
  }

  emptyDict(): void {
    this.#put(0x7d);
  }

  /** An empty `collections.OrderedDict`. */
  orderedDict(): void {
    this.global('collections', 'OrderedDict');
    this.#put(0x29, 0x52);
  }

  setItems(): void {
    this.#put(0x75);
  }

  reduce(): void {
    this.#put(0x52);
  }

  persistentId(): void {
    this.#put(0x51);
  }

  /** The pickle, ended by `STOP`. */
  finish(): Uint8Array {
    this.#put(0x2e);
    return this.#bytes.slice(0, this.#length);
  }

  #put(...bytes: readonly number[]): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length - bytes.length);
  }

  #reserve(count: number): DataView {
    if (this.#length + count > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.byteLength, this.#length + count));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    const view = new DataView(this.#bytes.buffer, this.#length, count);
    this.#length += count;
    return view;
  }
}
