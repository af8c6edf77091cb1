import * as tf from '@tensorflow/tfjs-core';
import type { ModelBuffer, ModelParameter } from './model-parameters.ts';

/** A model's tensors averaged over its training: the teacher of CUPS (decay 0.999). */
export interface Ema {
  /** After an optimizer step: `average = decay * average + (1 - decay) * parameter`; buffers are copied. */
  update(): void;
  /** Averages by parameter and buffer name. */
  readonly state: ReadonlyMap<string, tf.Variable>;
  /** Runs `use` with the averages in the model, and puts the trained values back. */
  within<T>(use: () => Promise<T>): Promise<T>;
  /** Puts the averages into the model for good. */
  adopt(): void;
  dispose(): void;
}

/** @param decay - in [0, 1); the averages start at the present values */
export function ema(parameters: readonly ModelParameter[], buffers: readonly ModelBuffer[], decay: number): Ema {
  const live = new Map([...parameters, ...buffers].map(({ name, variable }) => [name, variable]));
  const state = new Map(
    [...live].map(([name, variable]) => [name, tf.tidy(() => tf.variable(variable.clone(), false))]),
  );
  const swap = (): void => {
    for (const [name, variable] of live) {
      tf.tidy(() => {
        const average = state.get(name)!;
        const kept = variable.clone();
        variable.assign(average.clone());
        average.assign(kept);
      });
    }
  };
  return {
    state,
    update() {
      for (const { name, variable } of parameters) {
        tf.tidy(() => {
          const average = state.get(name)!;
          average.assign(tf.add(tf.mul(average, decay), tf.mul(variable, 1 - decay)));
        });
      }
      for (const { name, variable } of buffers) tf.tidy(() => state.get(name)!.assign(variable.clone()));
    },
    async within(use) {
      swap();
      try {
        return await use();
      } finally {
        swap();
      }
    },
    adopt() {
      for (const [name, variable] of live) tf.tidy(() => variable.assign(state.get(name)!.clone()));
    },
    dispose: () => state.forEach((variable) => variable.dispose()),
  };
}
