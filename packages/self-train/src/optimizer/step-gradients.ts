import type { Gradients } from './optimizer.ts';

/** Gradients of one optimizer step, averaged over the parts of its batch. */
export interface StepGradients {
  /** By parameter name; the caller disposes them. */
  readonly gradients: Gradients;
  readonly losses: Readonly<Record<string, number>>;
  readonly total: number;
}
