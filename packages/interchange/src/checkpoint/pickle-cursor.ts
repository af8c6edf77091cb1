import { U2SegError } from '@u2seg/core';

/** Reads a pickle's arguments, every one checked against the bytes that are left. */
export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  /** Offset of the next byte. */
  at: number;

  constructor(bytes: Uint8Array, at: number, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.at = at;
  }

  fail(message: string): never {
    throw new U2SegError('bad-format', `${this.#where}: byte ${this.at} of ${this.#bytes.byteLength}: ${message}`);
  }

  /** Moves past `count` bytes and returns where they began. */
  #skip(count: number): number {
    const start = this.at;
    if (count > this.#bytes.byteLength - start) {
      this.fail(`needs ${count} more bytes, ${this.#bytes.byteLength - start} are left.`);
    }
    this.at = start + count;
    return start;
  }

  uint8(): number {
    return this.#bytes[this.#skip(1)]!;
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** A 64-bit length; one past the file is caught by the read that follows. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }

  float64BigEndian(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** The next `count` bytes, as a view. */
  take(count: number): Uint8Array {
    const start = this.#skip(count);
    return this.#bytes.subarray(start, start + count);
  }

  utf8(count: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.take(count));
  }

  latin1(count: number): string {
    const part = this.take(count);
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('latin1');
  }

  /** Text up to the next line feed, which is consumed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0) this.fail('a text argument has no end of line.');
    const text = this.latin1(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** A two's complement little-endian integer of `count` bytes, as a number where it is safe. */
  long(count: number): number | bigint {
    const part = this.take(count);
    if (count > maxLongBytes) this.fail(`an integer of ${count} bytes; at most ${maxLongBytes} are read.`);
    let value = 0n;
    for (let i = count - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(part[i]!);
    if (count > 0 && part[count - 1]! >= 0x80) value -= 1n << BigInt(8 * count);
    return narrow(value);
  }
}

/** Longest integer read, in bytes and in digits; checkpoints hold counters and seeds. */
const maxLongBytes = 256;

/** Integer of a pickle's text opcodes, or undefined where the text is none. */
export function parseInteger(text: string): number | bigint | undefined {
  const digits = text.trim().replace(/L$/u, '');
  return digits.length <= maxLongBytes && /^[+-]?\d+$/u.test(digits) ? narrow(BigInt(digits)) : undefined;
}

function narrow(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

/** Text of a quoted string with Python's escapes. */
export function unquote(text: string): string | undefined {
  const quoted = /^(['"])(.*)\1$/su.exec(text.trim());
  return quoted === null ? undefined : unescapePython(quoted[2]!);
}

const simpleEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** Replaces Python's backslash escapes. */
export function unescapePython(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[0-7]{1,3}|.)/gisu, (whole, code: string) => {
    if (/^[xu][0-9a-f]{2}/iu.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/u.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return simpleEscapes[code] ?? (/[\\'"]/u.test(code) ? code : whole);
  });
}
