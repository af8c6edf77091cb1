import * as tf from '@tensorflow/tfjs-core';
import { clipGradient } from './clip-gradient.ts';
import { assignHostValues, hostClipFactor, hostValues, isOnHost } from './host-parameters.ts';
import { parameterSettings, type ModelParameter } from './model-parameters.ts';
import { zerosLike, type Optimizer, type OptimizerOptions } from './optimizer.ts';

export interface SgdOptions extends OptimizerOptions {
  readonly momentum?: number;
}

/** detectron2's optimizer with the values of U2Seg and CutLER. */
export const sgdDefaults: { readonly momentum: number; readonly clipNorm: number } = { momentum: 0.9, clipNorm: 1 };

/**
 * Stochastic gradient descent with momentum, not Nesterov's, as torch defines it.
 *
 * Per parameter: clip the gradient, add `weightDecay` times the parameter, `velocity = momentum * velocity + gradient`, then
 * `parameter -= lr * velocity`.
 *
 * @param options - `clipNorm: Infinity` turns clipping off
 */
export function sgd(parameters: readonly ModelParameter[], options: SgdOptions = {}): Optimizer {
  const { momentum, clipNorm, ...rules } = { ...sgdDefaults, ...options };
  const state = zerosLike(parameters, 'velocity');
  const settings = parameters.map((parameter) => parameterSettings(parameter, rules));
  const optimizer: Optimizer = {
    state,
    steps: 0,
    step(gradients, lr) {
      parameters.forEach(({ name, variable }, i) => {
        const gradient = gradients[name];
        if (gradient === undefined) return;
        const { weightDecay, lrFactor } = settings[i]!;
        const velocity = state.get(`velocity.${name}`)!;
        if (isOnHost(variable)) {
          const scales = { momentum, clipNorm, weightDecay, rate: lr * lrFactor };
          updateOnHost(variable, velocity, hostValues(gradient), scales);
          return;
        }
        tf.tidy(() => {
          const clipped = Number.isFinite(clipNorm) ? clipGradient(gradient, clipNorm) : gradient;
          const terms = [tf.mul(velocity, momentum), clipped];
          if (weightDecay !== 0) terms.push(tf.mul(variable, weightDecay));
          velocity.assign(tf.addN(terms));
          variable.assign(tf.sub(variable, tf.mul(velocity, lr * lrFactor)));
        });
      });
      optimizer.steps += 1;
    },
    dispose: () => state.forEach((variable) => variable.dispose()),
  };
  return optimizer;
}

interface HostScales extends Required<Pick<SgdOptions, 'momentum' | 'clipNorm' | 'weightDecay'>> {
  readonly rate: number;
}

function updateOnHost(
  variable: tf.Variable,
  velocity: tf.Variable,
  gradient: Float32Array,
  { momentum, clipNorm, weightDecay, rate }: HostScales,
): void {
  const clip = hostClipFactor(gradient, clipNorm);
  const values = hostValues(variable).slice();
  const moved = hostValues(velocity).slice();
  for (let i = 0; i < values.length; i += 1) {
    moved[i] = momentum * moved[i]! + gradient[i]! * clip + weightDecay * values[i]!;
    values[i]! -= rate * moved[i]!;
  }
  assignHostValues(variable, values);
  assignHostValues(velocity, moved);
}
