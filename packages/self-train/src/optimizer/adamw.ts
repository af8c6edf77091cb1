import * as tf from '@tensorflow/tfjs-core';
import { clipGradient } from './clip-gradient.ts';
import { parameterSettings, type ModelParameter } from './model-parameters.ts';
import { zerosLike, type Optimizer, type OptimizerOptions } from './optimizer.ts';

export interface AdamWOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** torch's defaults for the moments; weight decay of CUPS, which decays every parameter. */
export const adamWDefaults: Required<Pick<AdamWOptions, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'clipNorm'>> = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 1e-5,
  clipNorm: 1,
};

/**
 * Adam with decoupled weight decay, as torch defines it (arXiv:1711.05101).
 *
 * `parameter *= 1 - lr * weightDecay`, then `parameter -= lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)`.
 */
export function adamW(parameters: readonly ModelParameter[], options: AdamWOptions = {}): Optimizer {
  const { beta1, beta2, epsilon, clipNorm, ...rules } = { ...adamWDefaults, ...options };
  const first = zerosLike(parameters, 'first');
  const second = zerosLike(parameters, 'second');
  const settings = parameters.map((parameter) => parameterSettings(parameter, rules));
  const optimizer: Optimizer = {
    state: new Map([...first, ...second]),
    steps: 0,
    step(gradients, lr) {
      optimizer.steps += 1;
      const firstScale = 1 / (1 - beta1 ** optimizer.steps);
      const secondScale = 1 / (1 - beta2 ** optimizer.steps);
      parameters.forEach(({ name, variable }, i) => {
        const gradient = gradients[name];
        if (gradient === undefined) return;
        const { weightDecay, lrFactor } = settings[i]!;
        const rate = lr * lrFactor;
        const m = first.get(`first.${name}`)!;
        const v = second.get(`second.${name}`)!;
        tf.tidy(() => {
          const clipped = Number.isFinite(clipNorm) ? clipGradient(gradient, clipNorm) : gradient;
          m.assign(tf.add(tf.mul(m, beta1), tf.mul(clipped, 1 - beta1)));
          v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(clipped), 1 - beta2)));
          const denominator = tf.add(tf.sqrt(tf.mul(v, secondScale)), epsilon);
          const decayed = weightDecay === 0 ? variable : tf.mul(variable, 1 - rate * weightDecay);
          variable.assign(tf.sub(decayed, tf.mul(tf.div(m, denominator), rate * firstScale)));
        });
      });
    },
    dispose: () => optimizer.state.forEach((variable) => variable.dispose()),
  };
  return optimizer;
}
