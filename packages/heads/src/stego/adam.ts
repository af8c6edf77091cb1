import * as tf from '@tensorflow/tfjs-core';
import { assertLength, U2SegError } from '@u2seg/core';
import { toFloat32, type NamedTensor } from '@u2seg/interchange';

export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** torch's defaults, which STEGO trains with. */
export const adamDefaults: Required<Omit<AdamOptions, 'learningRate'>> = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/**
 * Adam with torch's formula, whose whole state can be written and read back, so that a resumed run continues bit for
 * bit (tfjs's own optimizer keeps its bias corrections in float32 and has another epsilon).
 */
export class Adam {
  readonly #variables: ReadonlyMap<string, tf.Variable>;
  readonly #options: Required<AdamOptions>;
  readonly #moments = new Map<string, { first: tf.Variable; second: tf.Variable }>();
  #steps = 0;

  constructor(variables: ReadonlyMap<string, tf.Variable>, options: AdamOptions) {
    this.#variables = variables;
    this.#options = { ...adamDefaults, ...options };
    for (const [name, variable] of variables) {
      this.#moments.set(name, {
        first: tf.tidy(() => tf.variable(tf.zerosLike(variable), false)),
        second: tf.tidy(() => tf.variable(tf.zerosLike(variable), false)),
      });
    }
  }

  get steps(): number {
    return this.#steps;
  }

  /** One update; `gradient(variable)` gives each variable's gradient, which stays the caller's. */
  step(gradient: (variable: tf.Variable) => tf.Tensor): void {
    const { learningRate, beta1, beta2, epsilon } = this.#options;
    this.#steps += 1;
    const firstCorrection = 1 - beta1 ** this.#steps;
    const secondCorrection = Math.sqrt(1 - beta2 ** this.#steps);
    for (const [name, variable] of this.#variables) {
      const { first, second } = this.#moments.get(name)!;
      tf.tidy(() => {
        const g = gradient(variable);
        first.assign(tf.add(tf.mul(first, beta1), tf.mul(g, 1 - beta1)));
        second.assign(tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2)));
        const denominator = tf.add(tf.div(tf.sqrt(second), secondCorrection), epsilon);
        variable.assign(tf.sub(variable, tf.mul(tf.div(first, denominator), learningRate / firstCorrection)));
      });
    }
  }

  /** `<prefix><name>.first`, `.second` for every variable and `<prefix>steps` [1]. */
  state(prefix: string): NamedTensor[] {
    const tensors: NamedTensor[] = [
      { name: `${prefix}steps`, dtype: 'int32', shape: [1], data: Int32Array.of(this.#steps) },
    ];
    for (const [name, moments] of this.#moments) {
      for (const key of ['first', 'second'] as const) {
        const moment = moments[key];
        tensors.push({
          name: `${prefix}${name}.${key}`,
          dtype: 'float32',
          shape: moment.shape,
          data: (moment.dataSync() as Float32Array).slice(),
        });
      }
    }
    return tensors;
  }

  /** @throws U2SegError `not-found` or `shape-mismatch` if `tensors` are not what {@link Adam.state} wrote */
  loadState(prefix: string, tensors: ReadonlyMap<string, NamedTensor>): void {
    const find = (name: string): NamedTensor => {
      const tensor = tensors.get(prefix + name);
      if (tensor === undefined) throw new U2SegError('not-found', `Adam.loadState: ${prefix}${name} is missing.`);
      return tensor;
    };
    this.#steps = Number(find('steps').data[0]);
    for (const [name, moments] of this.#moments) {
      for (const key of ['first', 'second'] as const) {
        const tensor = find(`${name}.${key}`);
        const moment = moments[key];
        const where = `Adam.loadState: ${prefix}${name}.${key}`;
        assertLength(where, tensor.data.length, moment.shape);
        tf.tidy(() => moment.assign(tf.tensor(toFloat32(tensor, where).slice(), moment.shape)));
      }
    }
  }

  dispose(): void {
    for (const { first, second } of this.#moments.values()) {
      first.dispose();
      second.dispose();
    }
    this.#moments.clear();
  }
}
