import * as tf from '@tensorflow/tfjs-core';
import { clipGradient } from './clip-gradient.ts';
import { assignHostValues, hostClipFactor, hostValues, isOnHost } from './host-parameters.ts';
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
        const decay = 1 - rate * weightDecay;
        if (isOnHost(variable)) {
          const scales = { beta1, beta2, epsilon, secondScale, rate: rate * firstScale, decay, clipNorm };
          updateOnHost(variable, m, v, hostValues(gradient), scales);
          return;
        }
        tf.tidy(() => {
          const clipped = Number.isFinite(clipNorm) ? clipGradient(gradient, clipNorm) : gradient;
          m.assign(tf.add(tf.mul(m, beta1), tf.mul(clipped, 1 - beta1)));
          v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(clipped), 1 - beta2)));
          const denominator = tf.add(tf.sqrt(tf.mul(v, secondScale)), epsilon);
          const decayed = decay === 1 ? variable : tf.mul(variable, decay);
          variable.assign(tf.sub(decayed, tf.mul(tf.div(m, denominator), rate * firstScale)));
        });
      });
    },
    dispose: () => optimizer.state.forEach((variable) => variable.dispose()),
  };
  return optimizer;
}

interface HostScales extends Required<Pick<AdamWOptions, 'beta1' | 'beta2' | 'epsilon' | 'clipNorm'>> {
  /** Bias correction of the second moment. */
  readonly secondScale: number;
  /** Learning rate with the bias correction of the first moment. */
  readonly rate: number;
  /** Factor on the parameter before the update. */
  readonly decay: number;
}

function updateOnHost(
  variable: tf.Variable,
  first: tf.Variable,
  second: tf.Variable,
  gradient: Float32Array,
  { beta1, beta2, epsilon, secondScale, rate, decay, clipNorm }: HostScales,
): void {
  const clip = hostClipFactor(gradient, clipNorm);
  const values = hostValues(variable).slice();
  const m = hostValues(first).slice();
  const v = hostValues(second).slice();
  for (let i = 0; i < values.length; i += 1) {
    const g = gradient[i]! * clip;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    values[i] = decay * values[i]! - (rate * m[i]!) / (Math.sqrt(v[i]! * secondScale) + epsilon);
  }
  assignHostValues(variable, values);
  assignHostValues(first, m);
  assignHostValues(second, v);
}
