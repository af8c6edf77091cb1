import { U2SegError } from '@u2seg/core';
import { inflateSync } from 'fflate';
import { crc32 } from 'node:zlib';
import type { MemoryBudget } from './memory-budget.ts';

interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerAt: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const end64LocatorSignature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const centralBytes = 46;
const localBytes = 30;
const longestComment = 0xffff;
/** Deflate cannot pack better than this; a record that claims more is broken. */
const deflateLimit = 1032;

/**
 * The records of a zip file, found through its directory and read one at a time: a stored record (all that torch writes) is
 * a view of the file, a deflated one is unpacked only after its size passed the budget. Checksums are verified.
 */
export class ZipArchive {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  readonly #budget: MemoryBudget;
  readonly #entries = new Map<string, ZipEntry>();

  /** @throws U2SegError `bad-format` if the directory is missing or does not fit the file */
  constructor(bytes: Uint8Array, where: string, budget: MemoryBudget) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.#budget = budget;
    this.#readDirectory();
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws U2SegError `bad-format` if the record is missing, broken, or fails its checksum */
  read(name: string): Uint8Array {
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#fail(`record "${name}" is missing.`);
    const { headerAt } = entry;
    if (headerAt + localBytes > this.#bytes.byteLength || this.#view.getUint32(headerAt, true) !== localSignature) {
      return this.#fail(`record "${name}" does not start at byte ${headerAt}.`);
    }
    const start =
      headerAt + localBytes + this.#view.getUint16(headerAt + 26, true) + this.#view.getUint16(headerAt + 28, true);
    if (start + entry.packedBytes > this.#bytes.byteLength) {
      return this.#fail(`record "${name}" reaches past the end: byte ${start} + ${entry.packedBytes}.`);
    }
    const packed = this.#bytes.subarray(start, start + entry.packedBytes);
    const content = entry.method === 0 ? packed : this.#inflate(entry, packed);
    if (crc32(content) !== entry.crc) return this.#fail(`record "${name}" fails its checksum.`);
    return content;
  }

  #inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    if (entry.bytes > packed.byteLength * deflateLimit) {
      return this.#fail(`record "${entry.name}" claims ${entry.bytes} bytes from ${packed.byteLength} packed.`);
    }
    this.#budget.take(entry.bytes, `record "${entry.name}"`);
    try {
      const content = inflateSync(packed, { out: new Uint8Array(entry.bytes) });
      if (content.byteLength === entry.bytes) return content;
    } catch (cause) {
      return this.#fail(`record "${entry.name}" cannot be inflated.`, cause);
    }
    return this.#fail(`record "${entry.name}" inflates to another size than ${entry.bytes} bytes.`);
  }

  #readDirectory(): void {
    const view = this.#view;
    const endAt = this.#findEnd();
    let count = view.getUint16(endAt + 10, true);
    let at = view.getUint32(endAt + 16, true);
    const locatorAt = endAt - 20;
    if (locatorAt >= 0 && view.getUint32(locatorAt, true) === end64LocatorSignature) {
      const end64At = Number(view.getBigUint64(locatorAt + 8, true));
      if (end64At + 56 > endAt || view.getUint32(end64At, true) !== end64Signature) {
        this.#fail('the zip64 directory does not start where its locator says.');
      }
      count = Number(view.getBigUint64(end64At + 32, true));
      at = Number(view.getBigUint64(end64At + 48, true));
    }
    for (let i = 0; i < count; i += 1) {
      if (at + centralBytes > endAt || view.getUint32(at, true) !== centralSignature) {
        this.#fail(`directory entry ${i} of ${count} is broken, byte ${at}.`);
      }
      const nameBytes = view.getUint16(at + 28, true);
      const extraBytes = view.getUint16(at + 30, true);
      const next = at + centralBytes + nameBytes + extraBytes + view.getUint16(at + 32, true);
      if (next > endAt) this.#fail(`directory entry ${i} reaches past the directory.`);
      const name = new TextDecoder().decode(this.#bytes.subarray(at + centralBytes, at + centralBytes + nameBytes));
      this.#addEntry(name, at, at + centralBytes + nameBytes, extraBytes);
      at = next;
    }
  }

  #addEntry(name: string, at: number, extraAt: number, extraBytes: number): void {
    const view = this.#view;
    if ((view.getUint16(at + 8, true) & 1) !== 0) this.#fail(`record "${name}" is encrypted.`);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 && method !== 8) this.#fail(`record "${name}" uses compression ${method}; 0 and 8 are read.`);
    let packedBytes = view.getUint32(at + 20, true);
    let bytes = view.getUint32(at + 24, true);
    let headerAt = view.getUint32(at + 42, true);
    let field = extraAt;
    while (field + 4 <= extraAt + extraBytes) {
      const fieldEnd = field + 4 + view.getUint16(field + 2, true);
      if (view.getUint16(field, true) === 1) {
        let value = field + 4;
        const wide = (narrow: number): number => {
          if (narrow !== 0xffffffff) return narrow;
          if (value + 8 > Math.min(fieldEnd, extraAt + extraBytes))
            this.#fail(`record "${name}" lacks its zip64 sizes.`);
          value += 8;
          return Number(view.getBigUint64(value - 8, true));
        };
        bytes = wide(bytes);
        packedBytes = wide(packedBytes);
        headerAt = wide(headerAt);
      }
      field = fieldEnd;
    }
    if (method === 0 && bytes !== packedBytes) this.#fail(`record "${name}" is stored but its two sizes differ.`);
    if (this.#entries.has(name)) this.#fail(`record "${name}" occurs twice.`);
    this.#entries.set(name, { name, method, crc: view.getUint32(at + 16, true), packedBytes, bytes, headerAt });
  }

  #findEnd(): number {
    const first = Math.max(0, this.#bytes.byteLength - endBytes - longestComment);
    for (let at = this.#bytes.byteLength - endBytes; at >= first; at -= 1) {
      if (this.#view.getUint32(at, true) === endSignature) return at;
    }
    return this.#fail('the zip directory is missing; was the file cut short?');
  }

  #fail(message: string, cause?: unknown): never {
    throw new U2SegError('bad-format', `${this.#where}: ${message}`, { cause });
  }
}
