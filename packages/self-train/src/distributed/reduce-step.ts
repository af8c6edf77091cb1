/** What the processes of a group tell each other in every step. */
import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import type { ModelBuffer } from '../optimizer/model-parameters.ts';
import type { StepGradients } from '../optimizer/step-gradients.ts';
import type { GradientReducer } from './gradient-reducer.ts';

/** Gradients, losses and total summed over the group; the given gradients are disposed. */
export function reduceStep(step: StepGradients, group: GradientReducer): StepGradients {
  if (group.size === 1) return step;
  const gradients: Record<string, tf.Tensor> = {};
  for (const [name, gradient] of Object.entries(step.gradients)) {
    const values = (gradient.dataSync() as Float32Array).slice();
    gradient.dispose();
    group.allReduceSum(values);
    gradients[name] = tf.tensor(values, gradient.shape);
  }
  const names = Object.keys(step.losses);
  const sums = Float64Array.of(...names.map((name) => step.losses[name]!), step.total);
  group.allReduceSum(sums);
  return {
    gradients,
    losses: Object.fromEntries(names.map((name, i) => [name, sums[i]!])),
    total: sums[names.length]!,
  };
}

/** True if any process says so. */
export function anyOf(group: GradientReducer, mine: boolean): boolean {
  if (group.size === 1) return mine;
  const flag = Float64Array.of(mine ? 1 : 0);
  group.allReduceSum(flag);
  return flag[0]! > 0;
}

/**
 * Makes sure that all processes begin alike.
 *
 * @param identity - settings and iteration, as text
 * @throws U2SegError `conflict` if another process has other ones
 */
export function assertAlike(group: GradientReducer, identity: string): void {
  if (group.size === 1) return;
  let hash = 0;
  for (const character of identity) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) >>> 0;
  // equal numbers, and only those, have a mean whose square is the mean of their squares; small enough to be exact
  const small = hash % 2 ** 20;
  const sums = Float64Array.of(small, small * small);
  group.allReduceSum(sums);
  if (sums[0]! * sums[0]! !== group.size * sums[1]!) {
    throw new U2SegError(
      'conflict',
      `trainPanoptic: process ${group.rank} of ${group.size} begins otherwise than another one: settings or checkpoints differ.`,
    );
  }
}

/** Running statistics of the batch normalizations that count their batches; frozen ones do not. */
export class SharedStatistics {
  readonly #buffers: ReadonlyMap<string, tf.Variable>;
  readonly #layers: readonly string[];
  readonly #momentum: number;
  readonly #group: GradientReducer;
  #before: ReadonlyMap<string, Float32Array> = new Map();

  constructor(buffers: readonly ModelBuffer[], momentum: number, group: GradientReducer) {
    this.#buffers = new Map(buffers.map(({ name, variable }) => [name, variable]));
    const counter = /\.num_batches_tracked$/u;
    this.#layers = buffers.flatMap(({ name }) => (counter.test(name) ? [name.replace(counter, '')] : []));
    this.#momentum = momentum;
    this.#group = group;
  }

  /** Remembers the statistics before a step. */
  begin(): void {
    if (this.#group.size === 1) return;
    this.#before = new Map(
      this.#names().map((name) => [name, (this.#buffers.get(name)!.dataSync() as Float32Array).slice()]),
    );
  }

  /**
   * Gives every process the statistics of a step as if one had seen all parts, those of the first process first.
   *
   * A process that saw `parts` parts has `keep^parts * before + own`; the parts after its own would have faded `own` further.
   */
  share(parts: number): void {
    const { size, rank } = this.#group;
    if (size === 1) return;
    const keep = 1 - this.#momentum;
    const fade = keep ** (parts * (size - 1 - rank));
    for (const name of this.#names()) {
      const variable = this.#buffers.get(name)!;
      const before = this.#before.get(name)!;
      const now = variable.dataSync() as Float32Array;
      const sums = Float64Array.from(now, (value, i) => fade * (value - keep ** parts * before[i]!));
      this.#group.allReduceSum(sums);
      const values = Float32Array.from(sums, (sum, i) => keep ** (parts * size) * before[i]! + sum);
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    }
    for (const layer of this.#layers) {
      const counter = this.#buffers.get(`${layer}.num_batches_tracked`)!;
      tf.tidy(() => counter.assign(tf.add(counter, tf.scalar(parts * (size - 1), 'int32'))));
    }
  }

  #names(): string[] {
    return this.#layers.flatMap((layer) => [`${layer}.running_mean`, `${layer}.running_var`]);
  }
}
