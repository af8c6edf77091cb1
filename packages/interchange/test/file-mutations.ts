import { SeededRng } from '@u2seg/core';

const extremes: readonly number[] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/**
 * A broken copy of a file: one to three of bit flips, random bytes, cuts, insertions, repetitions, zeroed ranges and numbers replaced by
 * extremes. Half of them fall on the first and last 512 bytes, where formats keep their structure.
 */
export function mutate(file: Uint8Array, seed: number): Uint8Array {
  const rng = new SeededRng(seed);
  let bytes: Uint8Array = new Uint8Array(file);
  for (let n = 1 + rng.integer(3); n > 0; n -= 1) {
    if (bytes.length < 2) break;
    const at = place(rng, bytes.length);
    const length = 1 + rng.integer(Math.min(64, bytes.length - at));
    switch (rng.integer(8)) {
      case 0:
        bytes[at]! ^= 1 << rng.integer(8);
        break;
      case 1:
        bytes[at] = rng.integer(256);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = join(bytes.slice(0, at), bytes.slice(at + length));
        break;
      case 4:
        bytes = join(
          bytes.slice(0, at),
          Uint8Array.from({ length }, () => rng.integer(256)),
          bytes.slice(at),
        );
        break;
      case 5:
        bytes = join(bytes.slice(0, at + length), bytes.slice(at));
        break;
      case 6:
        bytes.fill(rng.integer(2) === 0 ? 0 : 0xff, at, at + length);
        break;
      default: {
        const value = extremes[rng.integer(extremes.length)]!;
        const width = [1, 2, 4, 8][rng.integer(4)]!;
        for (let i = 0; i < width && at + i < bytes.length; i += 1) bytes[at + i] = i < 4 ? value >>> (8 * i) : 0xff;
      }
    }
  }
  return bytes;
}

function place(rng: SeededRng, length: number): number {
  const edge = Math.min(512, length);
  const kind = rng.integer(4);
  if (kind === 0) return rng.integer(edge);
  return kind === 1 ? length - 1 - rng.integer(edge) : rng.integer(length);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
