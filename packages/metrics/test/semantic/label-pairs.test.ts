import { PixelVotes, SemanticConfusion } from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addLabelPairs, countLabelPairs } from '../../src/semantic/label-pairs.ts';

/** One pixel after the other. */
function countedByLoop(first: Uint8Array, second: Uint8Array): Uint32Array {
  const pairs = new Uint32Array(256 * 256);
  first.forEach((label, i) => (pairs[label * 256 + second[i]!]! += 1));
  return pairs;
}

/** The first pair of labels counted differently; the matcher for whole arrays takes half a second on 65,536 values. */
function expectEqual(actual: Uint32Array, expected: Uint32Array): void {
  const at = actual.findIndex((count, i) => count !== expected[i]);
  expect([at, actual[at]]).toEqual([-1, expected[at]]);
}

/** A map made of stretches, long and short, so that changes fall on every position of the kernel's words and blocks. */
const stretches = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 7, 26, 127, 128, 254, 255), fc.oneof(fc.integer({ min: 1, max: 5 }), fc.nat(300))),
  { maxLength: 60 },
);
const mapOf = (parts: readonly (readonly [number, number])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap(([label, length]) => Array.from({ length }, () => label)));

describe('countLabelPairs', () => {
  it('counts an example worked by hand, and nothing of an empty map', () => {
    const pairs = countLabelPairs(Uint8Array.of(1, 1, 2, 255), Uint8Array.of(0, 0, 3, 255));
    expect([pairs[256], pairs[2 * 256 + 3], pairs[65535]]).toEqual([2, 1, 1]);
    expect(pairs.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(countLabelPairs(new Uint8Array(0), new Uint8Array(0)).every((count) => count === 0)).toBe(true);
  });

  it('counts as a loop over pixels does, whatever was counted before', () => {
    fc.assert(
      fc.property(stretches, stretches, fc.nat(70), (a, b, skip) => {
        const [whole, other] = [mapOf(a), mapOf(b)];
        const n = Math.max(0, Math.min(whole.length, other.length) - skip);
        // subarrays, so that the maps do not start where their buffer does
        const [first, second] = [whole.subarray(whole.length - n), other.subarray(0, n)];
        expectEqual(countLabelPairs(first, second), countedByLoop(first, second));
      }),
    );
  });

  it.each([32767, 32768, 32769, 65536, 98_321])('crosses the blocks of the kernel: %i pixels', (n) => {
    const first = Uint8Array.from({ length: n }, (_, i) => (i >> 7) % 256);
    const second = Uint8Array.from({ length: n }, (_, i) => (i >> 5) % 27);
    expectEqual(countLabelPairs(first, second), countedByLoop(first, second));
  });

  it('adds into a table and leaves out what lies outside it', () => {
    const sums = Float64Array.of(1, 0, 0, 0, 0, 0);
    addLabelPairs(Uint8Array.of(0, 0, 1, 2, 255), Uint8Array.of(0, 2, 1, 0, 0), sums, 2, 3);
    expect([...sums]).toEqual([2, 0, 1, 0, 1, 0]);
  });

  it('two accumulators in turns do not disturb each other', () => {
    const [a, b] = [new PixelVotes(3, 3), new PixelVotes(3, 3)];
    const confusion = new SemanticConfusion(['a', 'b', 'c']);
    for (let round = 0; round < 3; round += 1) {
      a.update(Uint8Array.of(0, 1), Uint8Array.of(0, 1));
      confusion.update(Uint8Array.of(2, 2), Uint8Array.of(2, 0), 1, 2);
      b.update(Uint8Array.of(2, 2), Uint8Array.of(1, 1));
    }
    expect([...a.counts]).toEqual([3, 0, 0, 0, 3, 0, 0, 0, 0]);
    expect([...b.counts]).toEqual([0, 0, 0, 0, 0, 0, 0, 6, 0]);
    expect(confusion.compute().pixelAccuracy).toBe(0.5);
  });
});
