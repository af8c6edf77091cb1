import { createHash } from 'node:crypto';

/**
 * Hash of a set of images that does not depend on their order or on how they were sharded: the sum, modulo 2^256, of the SHA-256
 * of each image's bytes under its name.
 */
export class DataHash {
  readonly #sum: Uint32Array = new Uint32Array(8);
  #images = 0;

  get images(): number {
    return this.#images;
  }

  /** Adds one image: its name and everything about it that the result depends on. */
  update(name: string, ...parts: readonly (string | Uint8Array | Uint32Array)[]): void {
    this.add(imageDigest(name, ...parts));
  }

  /** Adds one image by its {@link imageDigest}, for example made by a worker. */
  add(digest: Uint8Array): void {
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    this.#add(Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(28 - 4 * i)));
    this.#images += 1;
  }

  merge(other: DataHash): void {
    this.#add(other.#sum);
    this.#images += other.#images;
  }

  reset(): void {
    this.#sum.fill(0);
    this.#images = 0;
  }

  /** Lower-case hex, 64 digits. */
  digest(): string {
    return [...this.#sum]
      .reverse()
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  }

  #add(words: Uint32Array): void {
    let carry = 0;
    for (let i = 0; i < 8; i += 1) {
      const sum = this.#sum[i]! + words[i]! + carry;
      this.#sum[i] = sum >>> 0;
      carry = sum > 0xffffffff ? 1 : 0;
    }
  }
}

/** SHA-256 of one image's name and bytes, 32 bytes. */
export function imageDigest(name: string, ...parts: readonly (string | Uint8Array | Uint32Array)[]): Uint8Array {
  const hash = createHash('sha256').update(`${name}\n`);
  for (const part of parts) {
    hash.update(typeof part === 'string' ? part : new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return new Uint8Array(hash.digest());
}
