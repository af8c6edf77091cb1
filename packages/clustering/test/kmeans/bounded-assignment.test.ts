import { kMeans, typedArraysEngine, wasmEngine, type KMeansOptions, type KMeansResult } from '@u2seg/clustering';
import { seededRng, SeededRng } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const policies = ['respawn', 'faiss', 'scikit-learn', 'u2seg'] as const;

/** All that a run returns, but for how much it computed. */
function answerOf(result: KMeansResult): KMeansResult {
  return { ...result, passes: 0 };
}

async function bothWays(points: Float32Array, options: KMeansOptions): Promise<KMeansResult> {
  const plain = await kMeans(points, { ...options, acceleration: 'none' });
  const bounded = await kMeans(points, { ...options, acceleration: 'bounds' });
  expect(answerOf(bounded)).toEqual(answerOf(plain));
  return bounded;
}

/** [N, D] points around `components` means, `spread` apart from the origin. */
function mixture(n: number, dim: number, components: number, spread: number, seed: number): Float32Array {
  const rng = new SeededRng(seed);
  const means = Float32Array.from({ length: components * dim }, () => spread * rng.normal());
  return Float32Array.from(
    { length: n * dim },
    (_, at) => means[(Math.floor(at / dim) % components) * dim + (at % dim)]! + rng.normal(),
  );
}

describe('k-means with bounds equals plain Lloyd', () => {
  const engines = [wasmEngine({ threads: 0 }), typedArraysEngine()];

  it.each(policies)('on clustered data, ties and duplicates, empty clusters by %s', async (emptyClusters) => {
    const rng = seededRng(3);
    const few = Float32Array.from({ length: 240 * 3 }, () => Math.floor(rng() * 3));
    const sets = [
      { points: mixture(400, 8, 20, 4, 1), dim: 8, k: 25 },
      { points: mixture(400, 8, 20, 0.3, 2), dim: 8, k: 25 },
      // 27 different points, so that clusters stay empty and distances tie.
      { points: few, dim: 3, k: 30 },
      { points: few.map((value) => value + 4096), dim: 3, k: 12 },
      // The start holds every centroid twice.
      { points: mixture(200, 4, 5, 3, 4), dim: 4, k: 10, start: { rows: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] } },
    ];
    for (const { points, ...rest } of sets) {
      for (const metric of ['l2', 'spherical'] as const) {
        for (const engine of engines) await bothWays(points, { ...rest, metric, emptyClusters, engine, seed: 5 });
      }
    }
  });

  it('on whatever numbers come', async () => {
    const value = fc.oneof(
      fc.integer({ min: -2, max: 2 }),
      fc.float({ min: -1, max: 1, noNaN: true }),
      fc.float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 20, maxLength: 200 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('l2' as const, 'spherical' as const),
        fc.constantFrom(...policies),
        fc.nat(),
        async (values, dim, k, metric, emptyClusters, seed) => {
          const points = Float32Array.from(values.slice(0, values.length - (values.length % dim)));
          await bothWays(points, { dim, k, metric, emptyClusters, seed, engine: engines[0]!, maxIterations: 30 });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('computes a fraction of the scores where clusters settle', async () => {
    const points = mixture(2000, 16, 40, 2, 7);
    const { passes, iterations } = await bothWays(points, { dim: 16, k: 40, seed: 1, engine: engines[0]! });
    expect(iterations).toBeGreaterThan(5);
    expect(passes).toBeLessThan(iterations / 2);
  });

  it('counts every pass without bounds', async () => {
    const options = {
      dim: 8,
      k: 6,
      maxIterations: 4,
      acceleration: 'none',
      start: { rows: [0, 1, 2, 3, 4, 5] },
    } as const;
    const { passes, iterations } = await kMeans(mixture(100, 8, 9, 0.2, 8), options);
    expect(iterations).toBe(4);
    expect(passes).toBe(5);
  });
});
