import * as tf from '@tensorflow/tfjs-core';
import { SeededRng } from '@u2seg/core';
import type { PanopticCascadeModel } from '../src/detector/model.ts';

/**
 * Scales a fresh network's predictors, whose initial weights are so small that every score is nearly the same, and gives its
 * normalizations statistics that are not trivial: detections then differ by more than rounding.
 */
export function sharpen(model: PanopticCascadeModel, seed: number): void {
  const rng = new SeededRng(seed);
  for (const [name, { role, dtype }] of model.store.specs) {
    if (dtype !== 'float32') continue;
    const variable = model.store.get(name);
    const predictor = /cls_score|objectness_logits|mask_head\.predictor/u.test(name);
    const value = tf.tidy(() => {
      if (predictor && role === 'weight') return tf.mul(variable, 40);
      if (/bbox_pred|anchor_deltas/u.test(name) && role === 'weight') return tf.mul(variable, 10);
      if (role !== 'norm' && role !== 'buffer' && role !== 'bias') return variable.clone();
      const noise = Float32Array.from({ length: variable.size }, () => rng.next() - 0.5);
      const shift = tf.tensor(noise, variable.shape);
      return tf.add(variable, tf.mul(shift, 0.4));
    });
    variable.assign(value as never);
    value.dispose();
  }
}
