import { U2SegError } from '@u2seg/core';

/** Bytes a reader may build for every byte of its file. */
const perFileByte = 32;
/** Bytes a reader may build for a file of any size. */
const base = 16 * 2 ** 20;
/** What one list, dictionary or object costs in V8, rounded up. */
export const containerCost = 256;

/**
 * Bounds what reading an untrusted file may allocate: a file of repeated one-byte "empty dictionary" opcodes, or a tensor
 * that expands one stored value a billion times, is refused before its memory is taken.
 */
export class MemoryBudget {
  readonly #where: string;
  readonly #limit: number;
  #spent = 0;

  constructor(where: string, fileBytes: number) {
    this.#where = where;
    this.#limit = base + perFileByte * fileBytes;
  }

  /**
   * Books `bytes` for `what`.
   *
   * @throws U2SegError `bad-format` past the limit
   */
  take(bytes: number, what: string): void {
    this.#spent += bytes;
    if (!(this.#spent <= this.#limit)) {
      throw new U2SegError(
        'bad-format',
        `${this.#where}: ${what} would take more than ${this.#limit} bytes of memory, far beyond the file's size.`,
      );
    }
  }
}
