import * as tf from '@tensorflow/tfjs-core';
import { seededRng } from '@u2seg/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Adam,
  ClusterProbe,
  correspondenceDefaults,
  correspondenceLoss,
  drawPartners,
  drawSampleCoordinates,
  LinearProbe,
  StegoHead,
  loadTfBackend,
} from '@u2seg/heads';
import { normalizeChannels, samplingMatrix } from '@u2seg/heads/internal';

beforeAll(async () => {
  await loadTfBackend('cpu');
});

describe('drawPartners', () => {
  it('never pairs an image with itself by default', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 24 }), fc.nat(), (batch, seed) => {
        const partners = drawPartners(batch, seededRng(seed));
        expect([...partners].sort((a, b) => a - b)).toEqual(Array.from({ length: batch }, (_, i) => i));
        expect(partners.every((partner, i) => partner !== i)).toBe(true);
      }),
    );
    expect([...drawPartners(1, seededRng(0))]).toEqual([0]);
  });

  it('repeats super_perm on request: in range, no fixed point, duplicates possible', () => {
    let duplicates = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const partners = drawPartners(6, seededRng(seed), 'reference');
      expect(partners.every((partner, i) => partner >= 0 && partner < 6 && partner !== i)).toBe(true);
      if (new Set(partners).size < 6) duplicates += 1;
    }
    expect(duplicates).toBeGreaterThan(0);
  });
});

describe('samplingMatrix', () => {
  it('samples the corners and the middle of a 2x2 map', () => {
    const coords = Float32Array.of(-1, -1, 1, -1, 0, 0, 5, 5);
    const matrix = samplingMatrix(coords, [{ gridH: 2, gridW: 2 }], 2, 4);
    const values = tf.matMul(matrix, tf.tensor3d([1, 2, 3, 4], [1, 4, 1])).dataSync();
    // the two sample axes are swapped: [0, 0], [1, 0], [0, 1], [1, 1]
    expect([...values]).toEqual([1, 2.5, 2, 4]);
  });

  it('keeps each row a weighted mean, and never reads the padding', () => {
    const grids = [
      { gridH: 3, gridW: 2 },
      { gridH: 1, gridW: 1 },
    ];
    const matrix = samplingMatrix(drawSampleCoordinates(2, 3, seededRng(1)), grids, 3, 7);
    expect(tf.sum(matrix, 2).dataSync()).toBeAllClose(new Float32Array(18).fill(1), { atol: 1e-6 });
    expect(tf.max(tf.slice(matrix, [0, 0, 6], [1, 9, 1])).dataSync()[0]).toBe(0);
    expect(tf.max(tf.slice(matrix, [1, 0, 1], [1, 9, 6])).dataSync()[0]).toBe(0);
  });
});

describe('normalizeChannels', () => {
  it('leaves zero at zero, with a finite gradient', () => {
    const x = tf.tensor2d([3, 4, 0, 0], [2, 2]);
    expect(normalizeChannels(x).dataSync()).toBeAllClose([0.6, 0.8, 0, 0], { atol: 1e-6 });
    const gradient = tf
      .grad((v) => tf.sum(normalizeChannels(v)))(x)
      .dataSync();
    expect(gradient.every(Number.isFinite)).toBe(true);
  });
});

describe('correspondenceLoss', () => {
  it('is worked by hand for one constant image', () => {
    // Every correlation is 1; centring point by point leaves F = 1: loss = -(1 - shift).
    const ones = tf.ones([1, 4, 2]) as tf.Tensor3D;
    const grids = [{ gridH: 2, gridW: 2 }];
    const draws = { coords: new Float32Array(8), partnerCoords: new Float32Array(8), partners: [] };
    const options = { ...correspondenceDefaults, featureSamples: 2, negativeSamples: 0 };
    const losses = correspondenceLoss(
      { features: ones, neighborFeatures: ones, code: ones, neighborCode: ones, grids, neighborGrids: grids },
      draws,
      options,
    );
    expect(losses.self.dataSync()[0]).toBeCloseTo(-0.82, 5);
    expect(losses.knn.dataSync()[0]).toBeCloseTo(-0.88, 5);
    expect(losses.random.dataSync()[0]).toBe(0);
    expect(losses.total.dataSync()[0]).toBeCloseTo(-0.82 * 0.67 - 0.88 * 0.25, 5);
  });
});

describe('StegoHead', () => {
  it('is the same for the same seed and refuses features of another width', () => {
    const a = new StegoHead({ featureDim: 3, codeDim: 2, seed: 4 });
    const b = new StegoHead({ featureDim: 3, codeDim: 2, seed: 4 });
    expect(a.state()).toEqual(b.state());
    expect(() => a.code(tf.zeros([1, 4, 5]))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: StegoHead.code: features must be [B, N, 3], got [1, 4, 5].]`,
    );
    expect(() => a.loadState([])).toThrow(/wanted cluster1.0.weight/u);
  });
});

describe('probes', () => {
  it('ignores pixels without a label, and is 0 where there is none', () => {
    const probe = new LinearProbe(2, 3);
    const code = tf.ones([1, 2, 2, 2]) as tf.Tensor4D;
    expect(probe.loss(code, Int32Array.of(-1, 255, -1, 3), 2, 2).dataSync()[0]).toBeCloseTo(0, 10);
    expect(probe.loss(code, Int32Array.of(-1, 1, -1, 3), 2, 2).dataSync()[0]).toBeGreaterThan(0);
  });

  it('breaks a tie towards the lower cluster', () => {
    const probe = new ClusterProbe(2, 3);
    probe.assign(Float32Array.of(1, 0, 1, 0, 0, 1));
    const probabilities = probe.probabilities(tf.tensor2d([2, 0, 0, 5], [2, 2]));
    expect([...probabilities.dataSync()]).toEqual([1, 0, 0, 0, 0, 1]);
  });
});

describe('Adam', () => {
  it('moves by the learning rate at first, and continues from its state', () => {
    const make = (): { x: tf.Variable; adam: Adam } => {
      const x = tf.variable(tf.tensor1d([1, -2]));
      return { x, adam: new Adam(new Map([['x', x]]), { learningRate: 0.1 }) };
    };
    const step = (x: tf.Variable, adam: Adam): void => adam.step(() => tf.mul(x, 2));
    const one = make();
    step(one.x, one.adam);
    expect(one.x.dataSync()).toBeAllClose([0.9, -1.9], { atol: 1e-5 });
    const state = new Map(one.adam.state('a.').map((tensor) => [tensor.name, tensor]));
    const two = make();
    two.x.assign(tf.tensor1d(one.x.dataSync() as Float32Array));
    two.adam.loadState('a.', state);
    for (let i = 0; i < 3; i += 1) {
      step(one.x, one.adam);
      step(two.x, two.adam);
    }
    expect(two.x.dataSync()).toEqual(one.x.dataSync());
    expect(two.adam.steps).toBe(4);
  });
});
