import { DenseCrf } from '@u2seg/maskcut';
import { cutlerCrfKernels, stegoCrfKernels } from '@u2seg/maskcut/internal';
import { seededRng, type RgbImage } from '@u2seg/core';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

describe('DenseCrf', () => {
  it('gives the softmax of the negated unary without iterations, and the first of equal labels', () => {
    using crf = new DenseCrf({ data: new Uint8Array(9), height: 1, width: 3 }, cutlerCrfKernels);
    const unary = Float32Array.of(0, 1, 2, 1, 0, 2, 2, 2, 2);
    const { probabilities, labels } = crf.infer(unary, { labels: 3, iterations: 0 });
    const e = [1, Math.exp(-1), Math.exp(-2)] as const;
    const first = e.map((value) => value / (e[0] + e[1] + e[2]));
    expect([0, 3, 6].map((i) => probabilities[i]!)).toBeAllClose(first, { atol: 1e-6 });
    expect([...labels]).toEqual([0, 1, 0]);
  });

  it('leaves the unary alone without kernels', () => {
    using crf = new DenseCrf({ data: new Uint8Array(6), height: 1, width: 2 }, []);
    const [result] = crf.inferLogOdds([Float32Array.of(-2, 3)]);
    expect([...result!.logOdds]).toEqual([-2, 3]);
    expect([...result!.mask]).toEqual([0, 1]);
  });

  it.each([
    { height: 61, width: 83, labels: 27 },
    { height: 7, width: 5, labels: 3 },
    { height: 40, width: 64, labels: 80 },
    // Several tiles in several strips of columns; a single row; a strip narrower than a vector.
    { height: 130, width: 150, labels: 5 },
    { height: 1, width: 9001, labels: 4 },
    { height: 90, width: 65, labels: 9 },
  ])('gives the same bits on one thread and on two: $height x $width', async ({ height, width, labels }) => {
    const photo = noise(height, width);
    const rng = seededRng(5);
    const odds = Array.from({ length: 3 }, () => Float32Array.from({ length: height * width }, () => 2 * rng() - 1));
    const unary = Float32Array.from({ length: labels * height * width }, () => 3 * rng());
    const run = (threads: 1 | 2): readonly Float32Array[] => {
      using cutler = new DenseCrf(photo, cutlerCrfKernels, { threads });
      using stego = new DenseCrf(photo, stegoCrfKernels, { threads });
      const { probabilities } = stego.infer(unary, { labels });
      const masks = [...cutler.inferLogOdds(odds), ...cutler.inferLogOdds(odds.slice(0, 1))];
      return [probabilities, ...masks.flatMap(({ probability, logOdds }) => [probability, logOdds])];
    };
    const alone = run(1);
    const early = run(2);
    {
      using one = new DenseCrf(photo, cutlerCrfKernels, { threads: 2 });
      using two = new DenseCrf(photo, cutlerCrfKernels, { threads: 2 });
      while (one.threadsRunning + two.threadsRunning < 4) await setTimeout(5);
    }
    for (const shared of [early, run(2), run(2)]) {
      alone.forEach((values, i) =>
        expect(Buffer.from(shared[i]!.buffer).equals(Buffer.from(values.buffer))).toBe(true),
      );
    }
  });

  it('refuses other numbers of threads, and work after dispose', () => {
    const photo = noise(4, 4);
    expect(() => new DenseCrf(photo, cutlerCrfKernels, { threads: 3 as 2 })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: DenseCrf: threads must be an integer in [1, 2], got 3.]`,
    );
    const crf = new DenseCrf(photo);
    crf.dispose();
    expect(() => crf.inferLogOdds([new Float32Array(16)])).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: DenseCrf: used after dispose.]`,
    );
  });
});

function noise(height: number, width: number): RgbImage {
  const rng = seededRng(1);
  return { data: Uint8Array.from({ length: height * width * 3 }, () => 256 * rng()), height, width };
}
