import * as tf from '@tensorflow/tfjs-core';
import type { ModelParameter, ParameterRules } from './model-parameters.ts';

/** Gradients by parameter name; a parameter without one is left alone, as torch does. */
export type Gradients = Readonly<Record<string, tf.Tensor>>;

/** Applies gradients to the parameters it was made for, and owns the state that takes. */
export interface Optimizer {
  /** One update; disposes nothing it was given. @param lr - learning rate of this step */
  step(gradients: Gradients, lr: number): void;
  /** State tensors by name, the variables themselves. */
  readonly state: ReadonlyMap<string, tf.Variable>;
  /** Updates made so far; part of the state. */
  steps: number;
  dispose(): void;
}

/** What every optimizer here understands. */
export interface OptimizerOptions extends ParameterRules {
  /** Largest L2 norm of the gradient of each single parameter; absent: no clipping. */
  readonly clipNorm?: number;
}

/** A variable of zeros beside each parameter. */
export function zerosLike(parameters: readonly ModelParameter[], prefix: string): Map<string, tf.Variable> {
  return new Map(
    parameters.map(({ name, variable }) => [
      `${prefix}.${name}`,
      tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)),
    ]),
  );
}
