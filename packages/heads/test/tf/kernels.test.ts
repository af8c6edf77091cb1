import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { permutation, seededRng } from '@u2seg/core';
import { addRelu, relu, scaleGradient } from '../../src/tf/activation.ts';
import { batchNormKernels, convBatchNorm, portableBatchNorm } from '../../src/tf/batch-norm.ts';
import { convBias, convKernels, portableConv } from '../../src/tf/convolution.ts';
import { gatherRows } from '../../src/tf/gather-rows.ts';
import { groupNorm } from '../../src/tf/group-norm.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { sigmoidCrossEntropySum, smoothL1Sum, softmaxCrossEntropySum } from '../../src/tf/loss-terms.ts';
import { stemMaxPool, subsampleByTwo } from '../../src/tf/pooling.ts';
import { portableBilinear, resizeBilinear, upsampleNearestByTwo } from '../../src/tf/resize.ts';
import { portableRoiAlign } from '../../src/tf/roi-align-portable.ts';
import { roiAlign, roiAlignKernels } from '../../src/tf/roi-align.ts';
import { mapRows } from '../../src/tf/roi-batch.ts';
import { availableBackends } from '../backends.ts';

const backends = await availableBackends();

function random(shape: number[], seed: number): tf.Tensor {
  const rng = seededRng(seed);
  return tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * rng() - 1),
    shape,
  );
}
const map = (height: number, width: number, channels: number, seed = 1): tf.Tensor4D =>
  random([2, height, width, channels], seed) as tf.Tensor4D;
const values = (x: tf.Tensor): Float32Array => x.dataSync() as Float32Array;

/** Compares the gradient of sum(f(x) * r) with central differences at a few places. */
function expectGradient(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, tolerance = 2e-2): void {
  const weights = random(f(x).shape, 99);
  const loss = (input: tf.Tensor): tf.Scalar => tf.sum(tf.mul(f(input), weights));
  const { grads } = tf.variableGrads(() => loss(variable), [(variable = tf.variable(x))]);
  const gradient = values(grads[variable.name]!);
  const data = values(x).slice();
  const step = 1e-2;
  const rng = seededRng(5);
  for (let k = 0; k < 12; k += 1) {
    const i = Math.floor(rng() * data.length);
    const at = (delta: number): number =>
      values(
        loss(
          tf.tensor(
            data.map((value, j) => (j === i ? value + delta : value)),
            x.shape,
          ),
        ),
      )[0]!;
    const numeric = (at(step) - at(-step)) / (2 * step);
    expect([gradient[i]!], `element ${i}`).toBeAllClose([numeric], { atol: tolerance, rtol: tolerance });
  }
}
let variable: tf.Variable;

const rois = {
  boxesXyxy: Float32Array.from([3, 2, 40, 30, -6, -6, 20, 70, 50, 10, 52, 60, 8, 8, 8, 8, 0, 0, 64, 64, 33, 5, 61, 19]),
  images: Int32Array.from([0, 1, 0, 1, 1, 0]),
};
const onLevels = { ...rois, levels: Int32Array.from([0, 1, 0, 0, 1, 1]) };

describe.each(backends)('kernels on %s', (backend) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it('differentiates every composed operation correctly', () => {
    tf.tidy(() => {
      const weight = random([3, 3, 3, 4], 2) as tf.Tensor4D;
      const bias = random([4], 3) as tf.Tensor1D;
      const x = map(6, 8, 3);
      expectGradient((input) => convBias(input as tf.Tensor4D, weight, bias, { stride: 2, padding: 1 }), x);
      expectGradient((w) => convBias(x, w as tf.Tensor4D, bias, { stride: 2, padding: 1 }), weight);
      expectGradient((w) => convBias(x, w as tf.Tensor4D, undefined, { stride: 1, padding: 1 }), weight);
      expectGradient((b) => convBias(x, weight, b as tf.Tensor1D, { stride: 1, padding: 0 }), bias);
      const scale = tf.add(random([4], 4), 2) as tf.Tensor1D;
      const normed = (input: tf.Tensor, w: tf.Tensor, s: tf.Tensor): tf.Tensor =>
        convBatchNorm(
          input as tf.Tensor4D,
          w as tf.Tensor4D,
          s as tf.Tensor1D,
          bias,
          { stride: 1, padding: 1 },
          'linear',
          ({ mean, variance }) => tf.dispose([mean, variance]),
        );
      expectGradient((input) => normed(input, weight, scale), x, 5e-2);
      expectGradient((w) => normed(x, w, scale), weight, 5e-2);
      expectGradient((s) => normed(x, weight, s), scale);
      const wide = map(4, 4, 8);
      const gamma = tf.add(random([8], 6), 2) as tf.Tensor1D;
      const beta = random([8], 7) as tf.Tensor1D;
      expectGradient((input) => groupNorm(input as tf.Tensor4D, gamma, beta, 4), wide, 5e-2);
      expectGradient((s) => groupNorm(wide, s as tf.Tensor1D, beta, 4), gamma);
      // values 0.1 apart, so that no difference quotient crosses from one maximum to another
      const order = permutation(60, seededRng(13));
      const apart = tf.tensor4d(
        Float32Array.from(order, (rank) => 0.1 * (rank + 1)),
        [1, 5, 6, 2],
      );
      expectGradient((input) => stemMaxPool(relu(input as tf.Tensor4D)), apart);
      expectGradient((input) => subsampleByTwo(input as tf.Tensor4D), map(5, 6, 2));
      expectGradient((input) => upsampleNearestByTwo(input as tf.Tensor4D), map(3, 4, 2));
      expectGradient((input) => resizeBilinear(input as tf.Tensor4D, 7, 12), map(3, 4, 2));
      expectGradient((input) => gatherRows(input as tf.Tensor2D, Int32Array.of(1, 1, 3)), random([4, 3], 8));
      expectGradient((input) => addRelu(input as tf.Tensor4D, tf.neg(apart)), tf.mul(apart, 1.5));
      const options = { outputSize: 3, spatialScale: 0.25, samplingRatio: 0 };
      expectGradient((input) => roiAlign(input as tf.Tensor4D, rois, options), map(16, 16, 2));
      const labels = Int32Array.of(0, 2, 1);
      const weights = Float32Array.of(1, 0, 0.5);
      expectGradient((input) => softmaxCrossEntropySum(input as tf.Tensor2D, labels, weights), random([3, 3], 10));
      expectGradient((input) => sigmoidCrossEntropySum(input, Float32Array.of(1, 0, 1, 0)), random([4], 11));
      expectGradient((input) => smoothL1Sum(input, Float32Array.of(3, -3, 3, 3), 0.5), random([4], 12));
    });
  });

  it('scales only the gradient', () => {
    const x = tf.variable(tf.tensor1d([1, -2]));
    const { value, grads } = tf.variableGrads(() => tf.sum(scaleGradient(x, 0.25)), [x]);
    expect(values(value)[0]).toBe(-1);
    expect([...values(grads[x.name]!)]).toEqual([0.25, 0.25]);
  });

  it('keeps losses finite for extreme logits', () => {
    const loss = values(sigmoidCrossEntropySum(tf.tensor1d([200, -200]), Float32Array.of(0, 1)))[0]!;
    expect(loss).toBeCloseTo(400, 2);
    const cross = values(softmaxCrossEntropySum(tf.tensor2d([[500, -500]]), Int32Array.of(1), Float32Array.of(1)))[0]!;
    expect(cross).toBeCloseTo(1000, 2);
    expect(values(softmaxCrossEntropySum(tf.tensor2d([], [0, 3]), new Int32Array(0), new Float32Array(0)))[0]).toBe(0);
  });

  it('leaves memory alone in the weight gradient of one image, side 1, stride 2 (a defect of one TensorFlow kernel)', () => {
    const geometry = { stride: 2, padding: 0 };
    for (let i = 0; i < 40; i += 1) {
      tf.tidy(() => {
        const x = tf.randomNormal([1, 16, 24, 8]) as tf.Tensor4D;
        const dy = tf.randomNormal([1, 8, 12, 16]) as tf.Tensor4D;
        expect(values(convKernels().weightGradient(x, dy, [1, 1, 8, 16], geometry))).toBeAllClose(
          values(portableConv.weightGradient(x, dy, [1, 1, 8, 16], geometry)),
          { ofMax: 2e-6 },
        );
      });
    }
  });

  it('agrees with the portable formulation that defines each fast path', () => {
    tf.tidy(() => {
      const x = map(9, 12, 5);
      for (const [side, stride, padding] of [
        [1, 1, 0],
        [1, 2, 0],
        [3, 1, 1],
        [3, 2, 1],
        [7, 2, 3],
      ] as const) {
        // both sizes odd and even
        const x = side === 7 ? map(9, 12, 3) : map(9, 12, 5);
        const weight = random([side, side, x.shape[3], 4], 2) as tf.Tensor4D;
        const geometry = { stride, padding };
        const fast = convKernels();
        const y = portableConv.forward(x, weight, geometry);
        expect(values(fast.forward(x, weight, geometry))).toBeAllClose(values(y), { ofMax: 1e-6 });
        const dy = random(y.shape, 3) as tf.Tensor4D;
        expect(values(fast.inputGradient(dy, weight, x.shape, geometry))).toBeAllClose(
          values(portableConv.inputGradient(dy, weight, x.shape, geometry)),
          { ofMax: 1e-6 },
        );
        expect(values(fast.weightGradient(x, dy, weight.shape, geometry))).toBeAllClose(
          values(portableConv.weightGradient(x, dy, weight.shape, geometry)),
          { ofMax: 2e-6 },
        );
      }
      const wide = random([1, 64, 64, 128], 8) as tf.Tensor4D;
      const kernel = random([3, 3, 128, 2], 9) as tf.Tensor4D;
      const same = { stride: 1, padding: 1 };
      expect(values(convKernels().forward(wide, kernel, same))).toBeAllClose(
        values(portableConv.forward(wide, kernel, same)),
        { ofMax: 1e-6 },
      );
      const scale = random([5], 4) as tf.Tensor1D;
      const offset = random([5], 5) as tf.Tensor1D;
      const fast = batchNormKernels();
      const normed = fast.forward(x, scale, offset);
      const defined = portableBatchNorm.forward(x, scale, offset);
      for (const part of ['value', 'mean', 'variance'] as const) {
        expect(values(normed[part]), part).toBeAllClose(values(defined[part]), { ofMax: 1e-6 });
      }
      const dy = random(x.shape, 6) as tf.Tensor4D;
      const gradients = fast.backward(dy, x, scale, normed.saved);
      const definedGradients = portableBatchNorm.backward(dy, x, scale, defined.saved);
      for (const part of ['x', 'scale', 'offset'] as const) {
        expect(values(gradients[part]), part).toBeAllClose(values(definedGradients[part]), { ofMax: 3e-6 });
      }
      const resized = values(resizeBilinear(x, 18, 24));
      expect(resized).toBeAllClose(values(portableBilinear.forward(x, 18, 24)), { ofMax: 1e-6 });
      for (const samplingRatio of [0, 2]) {
        const options = { outputSize: 7, samplingRatio };
        const maps = mapRows([map(16, 16, 3), map(8, 10, 3, 2)], [0.25, 0.125]);
        const kernels = roiAlignKernels();
        const { value: pooled } = portableRoiAlign.forward(maps, onLevels, options);
        const { value, saved } = kernels.forward(maps, onLevels, options);
        expect(values(value)).toBeAllClose(values(pooled), { atol: 5e-6 });
        const dPooled = random(pooled.shape, 7) as tf.Tensor4D;
        expect(values(kernels.backward(dPooled, maps.levels, onLevels, options, saved))).toBeAllClose(
          values(portableRoiAlign.backward(dPooled, maps.levels, onLevels, options, [])),
          { ofMax: 5e-6 },
        );
      }
    });
  });

  it('gives the same gradient every time, with many overlapping regions', () => {
    tf.tidy(() => {
      const rng = seededRng(3);
      const count = 200;
      const boxesXyxy = Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 < 2 ? 30 * rng() : 40 + 20 * rng()));
      const many = { boxesXyxy, images: new Int32Array(count) };
      const options = { outputSize: 7, samplingRatio: 0 };
      const dy = random([count, 7, 7, 16], 4) as tf.Tensor4D;
      const maps = mapRows([random([1, 16, 16, 16], 8) as tf.Tensor4D], [0.25]);
      const once = (): Float32Array => {
        const { saved } = roiAlignKernels().forward(maps, many, options);
        return values(roiAlignKernels().backward(dy, maps.levels, many, options, saved));
      };
      const first = once();
      for (let k = 0; k < 3; k += 1) expect(once()).toEqual(first);
    });
  });
});
