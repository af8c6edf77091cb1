import * as tf from '@tensorflow/tfjs-core';
import { U2SegError, type SeededRng } from '@u2seg/core';
import type { PanopticCascadeModel, Precision, TrainSample } from '@u2seg/heads';
import type { StepGradients } from '../optimizer/step-gradients.ts';

/**
 * Forward and backward passes over the parts of a batch, one after the other.
 *
 * @param parts - all there are; gradients and losses are divided by their number
 * @param own - the parts taken here, by default all
 * @throws U2SegError `not-converged` if a loss is not finite
 */
export async function accumulateGradients(
  model: PanopticCascadeModel,
  parts: number,
  batch: (part: number) => Promise<readonly TrainSample[]>,
  rng: (part: number) => SeededRng,
  own: { readonly first: number; readonly end: number } = { first: 0, end: parts },
  precision: Precision = 'float32',
): Promise<StepGradients> {
  const share = 1 / parts;
  const sums: Record<string, tf.Tensor> = {};
  const losses: Record<string, number> = {};
  let total = 0;
  try {
    for (let part = own.first; part < own.end; part += 1) {
      const step = model.gradients(await batch(part), { rng: rng(part), precision });
      for (const [name, gradient] of step.gradients) {
        sums[name] = parts === 1 ? gradient : accumulated(sums[name], gradient, share);
      }
      for (const [name, loss] of Object.entries(step.losses)) losses[name] = (losses[name] ?? 0) + loss * share;
      total += step.total * share;
      assertFinite(losses, total);
    }
  } catch (cause) {
    for (const sum of Object.values(sums)) sum.dispose();
    throw cause;
  }
  return { gradients: sums, losses, total };
}

function accumulated(sum: tf.Tensor | undefined, gradient: tf.Tensor, share: number): tf.Tensor {
  const next = tf.tidy(() => {
    const scaled = tf.mul(gradient, share);
    return sum === undefined ? scaled : tf.add(sum, scaled);
  });
  gradient.dispose();
  sum?.dispose();
  return next;
}

function assertFinite(losses: Readonly<Record<string, number>>, total: number): void {
  const bad = Object.entries(losses).filter(([, loss]) => !Number.isFinite(loss));
  if (bad.length === 0 && Number.isFinite(total)) return;
  const named = bad.map(([name, loss]) => `${name} is ${loss}`).join(', ');
  throw new U2SegError('not-converged', `${named === '' ? `the total loss is ${total}` : named}.`);
}
