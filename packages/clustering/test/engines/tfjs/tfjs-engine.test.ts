import { createRequire } from 'node:module';
import { kMeans, tfjsEngine, typedArraysEngine } from '@u2seg/clustering';
import { SeededRng } from '@u2seg/core';
import { describe, expect, it } from 'vitest';
import { Bfloat16Products, roundToBfloat16 } from '../../../src/engines/tfjs/bfloat16-products.ts';
import type { TfModule } from '../../../src/engines/tfjs/tfjs-module.ts';

interface TensorFlow extends TfModule {
  setBackend(name: string): Promise<boolean>;
  memory(): { readonly numTensors: number };
}

/** tfjs-core on TensorFlow itself; undefined where tfjs-node is not installed. */
async function openTensorFlow(): Promise<TensorFlow | undefined> {
  try {
    // tfjs-node calls a function of node:util that Node 23 removed.
    const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
    util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
    const native = '@tensorflow/tfjs-node';
    await import(/* @vite-ignore */ native);
    const core = '@tensorflow/tfjs-core';
    const loaded = (await import(/* @vite-ignore */ core)) as TensorFlow & { default?: TensorFlow };
    const tf = loaded.default ?? loaded;
    return (await tf.setBackend('tensorflow')) ? tf : undefined;
  } catch {
    return undefined;
  }
}

it('rounds to 8 bits of precision, ties to even', () => {
  const rounded = roundToBfloat16(
    Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -9, -(1 + 2 ** -7), 0, 256.5),
  );
  expect([...rounded]).toEqual([1, 1, 1 + 2 ** -6, 1, -(1 + 2 ** -7), 0, 256]);
});

describe('tfjsEngine on TensorFlow', async () => {
  const tf = await openTensorFlow();

  it.skipIf(tf === undefined).each([
    ['float32', 'l2'],
    ['float32', 'spherical'],
    ['bfloat16', 'l2'],
    ['bfloat16', 'spherical'],
    ['auto', 'l2'],
  ] as const)(
    '%s products assign as float64 does, far from the origin and at ties too (%s)',
    async (precision, metric) => {
      const rng = new SeededRng(4);
      const [n, dim, k] = [1500, 24, 40];
      const sets = [
        Float32Array.from({ length: n * dim }, () => rng.normal()),
        Float32Array.from({ length: n * dim }, () => 100 + rng.normal()),
        Float32Array.from({ length: n * dim }, () => rng.integer(2)),
        // Every number rounds the same way, as far as it can.
        Float32Array.from({ length: n * dim }, () => (1 + 0.49 * 2 ** -7) * (1 + rng.integer(3))),
      ];
      for (const points of sets) {
        const options = { dim, k, metric, seed: 2, maxIterations: 8 };
        const expected = await kMeans(points, { ...options, engine: typedArraysEngine(), acceleration: 'none' });
        const result = await kMeans(points, {
          ...options,
          engine: tfjsEngine(tf, { precision, rowsPerProduct: 400 }),
        });
        expect({ ...result, passes: 0 }).toEqual({ ...expected, engine: 'tfjs', passes: 0 });
      }
      expect(tf!.memory().numTensors).toBe(0);
    },
  );

  it('says so where bfloat16 is asked for and cannot be had', async () => {
    const engine = tfjsEngine({ backend: () => ({}) }, { precision: 'bfloat16' });
    await expect(kMeans(Float32Array.of(0, 1), { dim: 1, k: 2, engine })).rejects.toThrow(
      /precision bfloat16 needs the backend of tfjs-node/u,
    );
  });

  it.skipIf(tf === undefined)('bounds the error of bfloat16 scores', async () => {
    const products = Bfloat16Products.on(tf!, 16)!;
    const rng = new SeededRng(9);
    const [rows, k, dim] = [50, 30, 16];
    const points = Float32Array.from({ length: rows * dim }, () => 3 * rng.normal());
    const centroids = Float32Array.from({ length: k * dim }, () => rng.normal());
    const bias = Float64Array.from({ length: k }, () => 5 * rng.normal());
    const tensor = tf!.tensor2d(points, [rows, dim]);
    const { held, residuals } = await products.hold(tensor, rows);
    const { longest, residual, perLength, constant } = products.setCentroids(centroids, bias, k);
    const scores = products.scores(held);
    const values = (await scores.data()) as Float32Array;
    for (let i = 0; i < rows; i += 1) {
      const length = Math.hypot(...points.subarray(i * dim, (i + 1) * dim));
      for (let c = 0; c < k; c += 1) {
        let sum = bias[c]!;
        for (let j = 0; j < dim; j += 1) sum += points[i * dim + j]! * centroids[c * dim + j]!;
        const bound =
          residuals[i]! * (longest + residual) +
          (length + residuals[i]!) * (residual + perLength) +
          constant +
          products.outputRounding * Math.abs(values[i * k + c]!) * 1.01;
        expect(Math.abs(values[i * k + c]! - sum)).toBeLessThanOrEqual(bound);
      }
    }
    for (const each of [tensor, scores]) each.dispose();
    products.release(held);
    products.dispose();
  });
});
