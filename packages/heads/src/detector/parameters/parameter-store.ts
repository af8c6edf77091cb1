import * as tf from '@tensorflow/tfjs-core';
import { deriveSeed, SeededRng, U2SegError } from '@u2seg/core';
import type { DetectorConfig } from '../config/config.ts';
import type { Initializer, ParameterSpec } from './layer-specs.ts';
import { runtimeShape } from './parameter-layout.ts';
import { parameterSpecs } from './parameter-specs.ts';

/** Parameters and buffers of a network by their names on disk, as variables of the current backend. */
export class ParameterStore {
  readonly specs: ReadonlyMap<string, ParameterSpec>;
  readonly #variables: Map<string, tf.Variable>;

  private constructor(specs: readonly ParameterSpec[], variables: Map<string, tf.Variable>) {
    this.specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#variables = variables;
  }

  /** Fresh parameters of a detector. */
  static initialize(config: DetectorConfig, seed: number): ParameterStore {
    return ParameterStore.create(parameterSpecs(config), seed);
  }

  /** Fresh parameters; each is drawn from a stream of its own, so adding a layer changes no other. */
  static create(specs: readonly ParameterSpec[], seed: number): ParameterStore {
    const variables = new Map<string, tf.Variable>();
    for (const spec of specs) {
      const shape = runtimeShape(spec.shape, spec.layout);
      const values = initialValues(
        spec.init,
        shape.reduce((a, b) => a * b, 1),
        deriveSeed(seed, spec.name),
      );
      const value =
        spec.dtype === 'int64' ? tf.tensor(Int32Array.from(values), shape, 'int32') : tf.tensor(values, shape);
      variables.set(spec.name, tf.variable(value, spec.trainable));
      value.dispose();
    }
    return new ParameterStore(specs, variables);
  }

  /** @throws U2SegError `not-found` for a name the network does not have */
  get(name: string): tf.Variable {
    const variable = this.#variables.get(name);
    if (variable === undefined) throw new U2SegError('not-found', `ParameterStore: no parameter is named ${name}.`);
    return variable;
  }

  /** Variables that are optimized, by name, in the order of the state dictionary. */
  trainable(): Map<string, tf.Variable> {
    return this.#select(true);
  }

  /** Running statistics, counters and frozen weights, by name. */
  buffers(): Map<string, tf.Variable> {
    return this.#select(false);
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
    this.#variables.clear();
  }

  #select(trainable: boolean): Map<string, tf.Variable> {
    return new Map([...this.#variables].filter(([name]) => this.specs.get(name)!.trainable === trainable));
  }
}

function initialValues(init: Initializer, size: number, seed: number): Float32Array {
  const values = new Float32Array(size);
  if (init.kind === 'constant') return values.fill(init.value);
  const rng = new SeededRng(seed);
  for (let i = 0; i < size; i += 1) {
    values[i] = init.kind === 'normal' ? init.deviation * rng.normal() : init.bound * (2 * rng.next() - 1);
  }
  return values;
}
