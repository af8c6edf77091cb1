import * as tf from '@tensorflow/tfjs-core';
import { seededRng, type RgbImage } from '@u2seg/core';
import { describe, expect, it } from 'vitest';
import { ContourNetwork, loadStateDict, loadTfBackend, stateDict, type ContourBatch } from '../../src/index.ts';
import { availableBackends } from '../backends.ts';

const config = { channels: [4, 6, 8] };
const backends = await availableBackends();

/** Half of each image is dark; the contour runs where the halves meet. */
function halves(size: number, side: number, seed = 1): ContourBatch {
  const rng = seededRng(seed);
  const images = new Float32Array(size * side * side * 3);
  const contours = new Float32Array(size * side * side);
  for (let b = 0, i = 0; b < size; b += 1) {
    const line = 6 + 2 * b;
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1, i += 1) {
        for (let c = 0; c < 3; c += 1) images[3 * i + c] = (x < line ? 0.2 : 0.8) + 0.1 * (rng() - 0.5);
        contours[i] = x === line || x === line - 1 ? 1 : 0;
      }
    }
  }
  return { size, height: side, width: side, images, contours };
}

function photo(height: number, width: number): RgbImage {
  const rng = seededRng(3);
  return { data: Uint8Array.from({ length: height * width * 3 }, () => Math.floor(256 * rng())), height, width };
}

function mirror({ data, height, width }: RgbImage): RgbImage {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < height * width; i += 1) {
    const from = i - (i % width) + width - 1 - (i % width);
    for (let c = 0; c < 3; c += 1) out[3 * i + c] = data[3 * from + c]!;
  }
  return { data: out, height, width };
}

describe.each(backends)('ContourNetwork on %s', (backend) => {
  it('follows its gradient downhill by what the gradient says', async () => {
    await loadTfBackend(backend);
    const network = ContourNetwork.create(config, { seed: 1 });
    const batch = halves(2, 16);
    const { loss, gradients } = network.gradients(batch);
    const square = [...gradients.values()].reduce((sum, g) => sum + tf.sum(tf.square(g)).dataSync()[0]!, 0);
    expect(square).toBeGreaterThan(0);
    const step = 0.002 / square;
    for (const [name, variable] of network.parameters()) {
      tf.tidy(() => variable.assign(tf.sub(variable, tf.mul(gradients.get(name)!, step))));
    }
    const after = network.gradients(batch);
    // First order: the loss falls by step times the square of the gradient.
    expect((loss - after.loss) / (step * square)).toBeCloseTo(1, 1);
    network.dispose();
  });

  it('answers with a probability a pixel at any size, the same mirrored', async () => {
    await loadTfBackend(backend);
    const network = ContourNetwork.create(config, { seed: 1 });
    for (const [height, width] of [
      [1, 1],
      [7, 19],
      [24, 32],
    ] as const) {
      const contours = network.predict(photo(height, width));
      expect(contours).toHaveLength(height * width);
      expect(contours.every((p) => p > 0 && p < 1)).toBe(true);
    }
    const whole = photo(16, 24);
    const [straight, turned] = [network.predict(whole), network.predict(mirror(whole))];
    const back = straight.map((_, i) => turned[i - (i % 24) + 23 - (i % 24)]!);
    expect(back).toBeAllClose(straight, { atol: 1e-6, rtol: 1e-5 });
    network.dispose();
  });
});

it('says the same on every backend', async () => {
  const answers: Float32Array[] = [];
  for (const backend of backends) {
    await loadTfBackend(backend);
    const network = ContourNetwork.create(config, { seed: 2 });
    answers.push(network.predict(photo(20, 28)));
    network.dispose();
  }
  for (const other of answers.slice(1)) expect(other).toBeAllClose(answers[0]!, { atol: 1e-5, rtol: 1e-4 });
});

it('is the same network again from its state, and leaves no tensor behind', async () => {
  await loadTfBackend('auto');
  const before = tf.memory().numTensors;
  const network = ContourNetwork.create(config, { seed: 1 });
  const { gradients } = network.gradients(halves(2, 16));
  for (const gradient of gradients.values()) gradient.dispose();
  const copy = ContourNetwork.create(config, { seed: 9 });
  loadStateDict(copy, stateDict(network));
  expect(copy.predict(photo(16, 16))).toEqual(network.predict(photo(16, 16)));
  network.dispose();
  copy.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

it('refuses what does not fit', async () => {
  await loadTfBackend('auto');
  expect(() => ContourNetwork.create({ channels: [] }, { seed: 0 })).toThrow(/channels/u);
  const network = ContourNetwork.create(config, { seed: 1 });
  expect(() => network.gradients(halves(1, 12))).toThrow(/multiples of 8, got 12 x 12/u);
  expect(() => network.gradients({ ...halves(1, 16), contours: new Float32Array(5) })).toThrow(/contours/u);
  expect(() => network.predict({ data: new Uint8Array(4), height: 2, width: 2 })).toThrow(/image/u);
  network.dispose();
});
