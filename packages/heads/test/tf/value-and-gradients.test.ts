import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { relu } from '../../src/tf/activation.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { valueAndGradients } from '../../src/tf/value-and-gradients.ts';
import { availableBackends } from '../backends.ts';

describe.each(await availableBackends())('valueAndGradients on %s', (backend) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it('agrees with tf.variableGrads where tensors branch, meet again and are handed on', () => {
    const a = tf.variable(tf.tensor2d([1, -2, 3, 0.5], [2, 2]));
    const b = tf.variable(tf.tensor2d([2, 1, -1, 4], [2, 2]));
    const unused = tf.variable(tf.scalar(3));
    const f = (): tf.Scalar => {
      const shared = relu(tf.add(tf.matMul(a, b), a));
      const [left, right] = [tf.mul(shared, b), tf.reshape(shared, [4])];
      return tf.add(tf.sum(tf.mul(left, left)), tf.sum(tf.concat([right, tf.reshape(tf.clone(a), [4])]))) as tf.Scalar;
    };
    const wanted = tf.variableGrads(f, [a, b]);
    const before = tf.memory().numTensors;
    const { value, gradients } = valueAndGradients(f, [a, b, unused]);
    expect(value.dataSync()[0]).toBeCloseTo(wanted.value.dataSync()[0]!, 5);
    expect([...gradients.keys()]).toEqual([a.name, b.name]);
    for (const [name, gradient] of gradients)
      expect(gradient.dataSync()).toBeAllClose(wanted.grads[name]!.dataSync() as Float32Array, { atol: 1e-5 });
    tf.dispose([value, ...gradients.values()]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([a, b, unused, wanted.value, ...Object.values(wanted.grads)]);
  });

  it('gives back what was saved when the function fails, and works again after', () => {
    const a = tf.variable(tf.tensor1d([1, 2]));
    const before = tf.memory().numTensors;
    const failing = (): tf.Scalar => {
      relu(tf.mul(a, a));
      throw new Error('no value');
    };
    expect(() => valueAndGradients(failing, [a])).toThrow('no value');
    expect(tf.memory().numTensors).toBe(before);
    const { value, gradients } = valueAndGradients(() => tf.sum(tf.mul(a, a)) as tf.Scalar, [a]);
    expect([...gradients.get(a.name)!.dataSync()]).toEqual([2, 4]);
    tf.dispose([a, value, ...gradients.values()]);
  });

  it('names an operation without a gradient', () => {
    const a = tf.variable(tf.tensor1d([1, 2]));
    expect(() => valueAndGradients(() => tf.sum(tf.cumprod(a)) as tf.Scalar, [a])).toThrow(/Cumprod/u);
    a.dispose();
  });
});
