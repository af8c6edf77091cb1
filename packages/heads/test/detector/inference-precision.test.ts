import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { seededRng, type RgbImage } from '@u2seg/core';
import { tinyConfig, u2segConfig } from '../../src/detector/config/presets.ts';
import type { Prediction } from '../../src/detector/inference/prediction.ts';
import { PanopticCascadeModel } from '../../src/detector/model.ts';
import { add, positive, reshape, toBfloat16, toFloat32 } from '../../src/tf/bfloat16.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { isBfloat16 } from '../../src/tf/tensorflow-kernels.ts';
import { availableBackends } from '../backends.ts';
import { sharpen } from '../sharpen.ts';

const native = (await availableBackends()).find((name) => name === 'tensorflow');
const [height, width] = [96, 128];

/** Bright squares on a noisy ground. */
function scene(seed: number): RgbImage {
  const rng = seededRng(seed);
  const data = new Uint8Array(height * width * 3).map(() => 80 * rng());
  for (let k = 0; k < 4; k += 1) {
    const [x, y] = [Math.floor(100 * rng()), Math.floor(70 * rng())];
    for (let dy = 0; dy < 26; dy += 1)
      data.fill(140 + 30 * k, 3 * ((y + dy) * width + x), 3 * ((y + dy) * width + x + 26));
  }
  return { data, height, width };
}

const share = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let count = 0;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) count += 1;
  return count / a.length;
};

describe.skipIf(native === undefined)('inference in bfloat16', () => {
  let model: PanopticCascadeModel;
  let exact: Prediction;
  let rounded: Prediction;
  const image = scene(3);

  beforeAll(async () => {
    await loadTfBackend(native!);
    model = PanopticCascadeModel.create(tinyConfig(u2segConfig(12)), { seed: 1 });
    sharpen(model, 2);
    exact = model.infer(image);
    rounded = model.infer(image, { precision: 'bfloat16' });
  });
  afterAll(() => model?.dispose());

  it('keeps values that eight bits hold, in the type of the operand', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, -2, 0.5, 3], [2, 2]);
      const narrow = toBfloat16(x);
      expect([isBfloat16(x), isBfloat16(narrow), isBfloat16(toFloat32(narrow))]).toEqual([false, true, false]);
      const sum = add(reshape(narrow, [4]), tf.scalar(1));
      expect(isBfloat16(sum)).toBe(true);
      expect([...toFloat32(positive(sum)).dataSync()]).toEqual([2, 0, 1.5, 4]);
      // 8 significant bits, halves to the even neighbour
      expect([...toFloat32(toBfloat16(tf.tensor1d([1 + 2 ** -8, 1 + 3 * 2 ** -8]))).dataSync()]).toEqual([
        1,
        1 + 2 ** -6,
      ]);
    });
  });

  it('finds what float32 finds', () => {
    const [a, b] = [exact.instances, rounded.instances];
    expect(a.scores.length).toBeGreaterThan(20);
    const free = new Set(b.scores.keys());
    let paired = 0;
    for (const [i, score] of a.scores.entries()) {
      const partner = [...free].find(
        (j) =>
          b.classes[j] === a.classes[i] &&
          Math.abs(b.scores[j]! - score) <= 0.03 &&
          [0, 1, 2, 3].every((k) => Math.abs(b.boxesXyxy[4 * j + k]! - a.boxesXyxy[4 * i + k]!) <= 1),
      );
      if (partner === undefined) continue;
      free.delete(partner);
      paired += 1;
    }
    // a score about the last that is kept may fall on either side
    expect(paired / a.scores.length).toBeGreaterThan(0.9);
    expect(share(exact.semantic!, rounded.semantic!)).toBeLessThan(0.01);
  });

  it('follows parameters that change and keeps no tensor', () => {
    const again = model.infer(image, { precision: 'bfloat16' });
    expect(again.instances.scores).toEqual(rounded.instances.scores);
    const before = tf.memory().numTensors;
    const weight = model.store.get('backbone.bottom_up.res2.0.conv1.weight');
    const old = weight.clone();
    const zeros = tf.zerosLike(weight);
    weight.assign(zeros);
    expect(model.infer(image, { precision: 'bfloat16' }).instances.scores).not.toEqual(rounded.instances.scores);
    weight.assign(old);
    expect(model.infer(image, { precision: 'bfloat16' }).instances.scores).toEqual(rounded.instances.scores);
    tf.dispose([old, zeros]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives back all memory with the network', () => {
    const before = tf.memory().numTensors;
    const other = PanopticCascadeModel.create(tinyConfig(u2segConfig(3)), { seed: 1 });
    other.infer(image);
    other.infer(image, { precision: 'bfloat16' });
    other.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
