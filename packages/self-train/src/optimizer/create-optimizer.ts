import { adamW, type AdamWOptions } from './adamw.ts';
import type { ModelParameter } from './model-parameters.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd, type SgdOptions } from './sgd.ts';

export type OptimizerChoice = ({ readonly kind: 'sgd' } & SgdOptions) | ({ readonly kind: 'adamw' } & AdamWOptions);

/** Makes the chosen optimizer with zero state. */
export function createOptimizer(parameters: readonly ModelParameter[], choice: OptimizerChoice): Optimizer {
  const { kind, ...options } = choice;
  return kind === 'sgd' ? sgd(parameters, options) : adamW(parameters, options);
}
