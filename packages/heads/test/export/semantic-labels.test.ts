import { beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { SeededRng } from '@u2seg/core';
import { finishSemantic } from '../../src/detector/inference/prediction.ts';
import { semanticLabels } from '../../src/export/semantic-labels.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';

describe('semanticLabels', () => {
  beforeAll(() => loadTfBackend('cpu'));

  it('repeats a single class, prefers the lower of equal ones, and calls 0 what is not a number', () => {
    const size = { height: 4, width: 4 };
    expect([...semanticLabels(Float32Array.of(1, 3, 2), [3, 1, 1], size, size)]).toEqual(Array(16).fill(1));
    expect([...semanticLabels(Float32Array.of(1, 3, 3), [3, 1, 1], size, size)]).toEqual(Array(16).fill(1));
    expect([...semanticLabels(Float32Array.of(NaN, NaN), [2, 1, 1], size, size)]).toEqual(Array(16).fill(0));
  });

  it('changes class halfway between two cells', () => {
    const labels = semanticLabels(
      Float32Array.of(1, 0, 0, 1),
      [2, 1, 2],
      { height: 4, width: 8 },
      { height: 1, width: 8 },
    );
    expect([...labels]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('takes a class whose logit at the output pixel is the highest, whatever the sizes', () => {
    const side = fc.integer({ min: 1, max: 5 });
    const shown = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        side,
        side,
        shown,
        shown,
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        (gridH, gridW, h, w, classes, seed) => {
          const rng = new SeededRng(seed);
          const logits = Float32Array.from({ length: classes * gridH * gridW }, () => rng.normal());
          const network = { height: 4 * gridH - (seed % 4), width: 4 * gridW - ((seed >> 2) % 4) };
          const output = { height: h, width: w };
          const labels = semanticLabels(logits, [classes, gridH, gridW], network, output);
          const values = tf.tidy(() => {
            const maps = tf.transpose(tf.tensor4d(logits, [1, classes, gridH, gridW]), [0, 2, 3, 1]) as tf.Tensor4D;
            return finishSemantic(maps, network, output).dataSync();
          });
          for (let i = 0; i < labels.length; i += 1) {
            const ofPixel = values.subarray(i * classes, (i + 1) * classes) as Float32Array;
            expect(ofPixel[labels[i]!]!).toBeGreaterThanOrEqual(Math.max(...ofPixel) - 1e-5);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
