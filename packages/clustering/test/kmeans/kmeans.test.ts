import {
  kMeans,
  kMeansDefaults,
  mlKmeansEngine,
  typedArraysEngine,
  wasmEngine,
  type KMeansOptions,
} from '@u2seg/clustering';
import { seededRng } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const line = Float32Array.of(0, 1, 10, 11);

describe('kMeans by hand', () => {
  it('finds the two pairs on a line', async () => {
    const result = await kMeans(line, { dim: 1, k: 2, start: { rows: [0, 1] } });
    expect([...result.assignments]).toEqual([0, 0, 1, 1]);
    expect([...result.centroids]).toEqual([0.5, 10.5]);
    // start {0, 1}: 0 + 0 + 81 + 100; then means {0, 22/3}; then {0.5, 10.5}
    expect(result.inertia[0]).toBe(181);
    expect(result.finalInertia).toBe(1);
    expect(result.converged).toBe(true);
    expect([...result.counts]).toEqual([2, 2]);
  });

  it('clusters one point', async () => {
    const result = await kMeans(Float32Array.of(3, 4), { dim: 2, k: 1 });
    expect([...result.assignments]).toEqual([0]);
    expect([...result.centroids]).toEqual([3, 4]);
    expect(result.finalInertia).toBe(0);
  });

  it('breaks a tie towards the lower cluster id', async () => {
    const options = { dim: 1, k: 2, start: { centroids: Float32Array.of(2, 0) }, maxIterations: 1 } as const;
    const result = await kMeans(Float32Array.of(1, 1, 1), { ...options, assignments: 'before-last-update' });
    expect([...result.assignments]).toEqual([0, 0, 0]);
  });

  it('settles near ties far from the origin in float64', async () => {
    const points = Float32Array.of(4000, 4000.25, 4000.5, 4001, 4001.25, 4001.5);
    const result = await kMeans(points, { dim: 1, k: 2, start: { rows: [2, 3] } });
    expect([...result.assignments]).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('makes as many clusters as points', async () => {
    const result = await kMeans(line, { dim: 1, k: 4, seed: 3 });
    expect(result.finalInertia).toBe(0);
    expect([...result.counts]).toEqual([1, 1, 1, 1]);
  });

  it('normalises centroids for the spherical metric', async () => {
    const points = Float32Array.of(2, 0, 3, 0.1, 0, 5, 0.1, 7);
    const result = await kMeans(points, { dim: 2, k: 2, metric: 'spherical', start: { rows: [0, 2] } });
    expect([...result.assignments]).toEqual([0, 0, 1, 1]);
    for (const c of [0, 1]) expect(Math.hypot(...result.centroids.subarray(2 * c, 2 * c + 2))).toBeCloseTo(1, 6);
  });

  it('keeps the best of several runs', async () => {
    const points = Float32Array.of(0, 0.1, 5, 5.1, 10, 10.1, 50, 50.1);
    const one = await kMeans(points, { dim: 1, k: 4, start: 'random-points', seed: 1 });
    const many = await kMeans(points, { dim: 1, k: 4, start: 'random-points', seed: 1, redos: 20 });
    expect(many.finalInertia).toBeLessThanOrEqual(one.finalInertia);
    expect(many.finalInertia).toBeCloseTo(0.02, 5);
  });
});

describe('kMeans with empty clusters', () => {
  const far = { dim: 1, k: 3, start: { centroids: Float32Array.of(0, 10, 1e6) } } as const;

  it.each(['faiss', 'respawn'] as const)('%s fills them', async (emptyClusters) => {
    const result = await kMeans(line, { ...far, emptyClusters });
    expect(result.numSplits).toBeGreaterThan(0);
    expect(Math.min(...result.counts)).toBeGreaterThan(0);
  });

  it('scikit-learn moves the farthest point', async () => {
    const result = await kMeans(Float32Array.of(0, 0, 0, 4, 10, 10), { ...far, emptyClusters: 'scikit-learn' });
    expect([...result.assignments]).toEqual([0, 0, 0, 2, 1, 1]);
  });

  it('u2seg loses them', async () => {
    const result = await kMeans(line, { ...far, emptyClusters: 'u2seg' });
    expect(result.centroids[2]).toBeNaN();
    expect([...result.assignments]).toEqual([0, 0, 1, 1]);
    expect(result.finalInertia).toBe(1);
  });

  it('ends where all points are equal', async () => {
    for (const emptyClusters of ['faiss', 'scikit-learn', 'u2seg', 'respawn'] as const) {
      const result = await kMeans(Float32Array.of(2, 2, 2), { dim: 1, k: 2, emptyClusters, maxIterations: 5 });
      expect(result.finalInertia).toBeLessThan(1e-4);
    }
  });
});

describe('kMeans refuses', () => {
  it('wrong sizes and values, saying what came', async () => {
    const cases: [Float32Array, KMeansOptions][] = [
      [line, { dim: 3, k: 1, n: 2 }],
      [Float32Array.of(0, NaN), { dim: 1, k: 1 }],
      [line, { dim: 1, k: 5 }],
      [line, { dim: 1, k: 2, start: { centroids: Float32Array.of(1) } }],
      [line, { dim: 1, k: 2, start: { rows: [0, 9] } }],
      [new Float32Array(0), { dim: 1, k: 1 }],
    ];
    const messages: string[] = [];
    for (const [points, options] of cases) {
      messages.push(
        await kMeans(points, options).then(
          () => 'no error',
          (error: Error) => error.message,
        ),
      );
    }
    expect(messages).toMatchInlineSnapshot(`
      [
        "kMeans: points must be [2, 3] (6 values), got 4 values.",
        "kMeans: points must be finite, got a NaN or an infinity in row 1.",
        "kMeans: k must be an integer in [1, 4], got 5.",
        "kMeans: start.centroids must be [2, 1] (2 values), got 1 values.",
        "kMeans: start.rows must be in [0, 3], got 9.",
        "kMeans: n must be an integer in [1, 9007199254740991], got 0.",
      ]
    `);
  });
});

describe('kMeans properties', () => {
  const points = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 12, maxLength: 60 });

  it('never lets the objective rise, and ends at a fixed point', async () => {
    await fc.assert(
      fc.asyncProperty(points, fc.integer({ min: 1, max: 4 }), fc.nat(), async (values, k, seed) => {
        const data = Float32Array.from(values.slice(0, values.length - (values.length % 2)));
        const options = { dim: 2, k, seed, emptyClusters: 'u2seg' } as const;
        const { inertia, finalInertia, converged } = await kMeans(data, options);
        const slack = 1e-5 * (1 + inertia[0]!);
        for (let i = 1; i < inertia.length; i += 1) expect(inertia[i]).toBeLessThanOrEqual(inertia[i - 1]! + slack);
        expect(finalInertia).toBeLessThanOrEqual(inertia.at(-1)! + slack);
        expect(converged).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('gives the same answer on every engine', async () => {
    const rng = seededRng(5);
    const data = Float32Array.from({ length: 300 * 8 }, () => Math.round(rng() * 4));
    for (const metric of ['l2', 'spherical'] as const) {
      const options = { dim: 8, k: 12, metric, seed: 2, maxIterations: 12 };
      const expected = await kMeans(data, { ...options, engine: typedArraysEngine() });
      for (const engine of [wasmEngine({ threads: 0 }), mlKmeansEngine()]) {
        const result = await kMeans(data, { ...options, engine });
        expect(result.assignments).toEqual(expected.assignments);
        expect(result.centroids).toEqual(expected.centroids);
      }
    }
  });

  it('repeats itself to the bit', async () => {
    const rng = seededRng(9);
    const data = Float32Array.from({ length: 500 * 5 }, () => rng());
    const options = { ...kMeansDefaults, dim: 5, k: 9, seed: 4 };
    expect(await kMeans(data, options)).toEqual(await kMeans(data, options));
  });
});
