import * as tf from '@tensorflow/tfjs-core';

/** One attribute of a TensorFlow operation as tfjs-node's binding takes it. */
interface KernelAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

interface NodeBackend {
  readonly binding: Readonly<Record<string, number>>;
  executeSingleOutput(name: string, attributes: readonly KernelAttribute[], inputs: readonly tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly KernelAttribute[],
    inputs: readonly tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/**
 * TensorFlow's own kernels, called by name through tfjs-node.
 *
 * Attributes are grouped by their type because the binding wants the type spelled out; a wrong one aborts the call.
 * Results belong to the enclosing `tf.tidy`. Nothing here is seen by the gradient tape.
 */
export class TensorflowKernels {
  readonly #backend: NodeBackend;

  constructor(backend: NodeBackend) {
    this.#backend = backend;
  }

  run(name: string, inputs: readonly tf.Tensor[], attributes: KernelAttributes): tf.Tensor {
    return this.#backend.executeSingleOutput(name, this.#attributes(attributes), inputs);
  }

  runMany(name: string, inputs: readonly tf.Tensor[], attributes: KernelAttributes, outputs: number): tf.Tensor[] {
    return this.#backend.executeMultipleOutputs(name, this.#attributes(attributes), inputs, outputs);
  }

  #attributes(attributes: KernelAttributes): KernelAttribute[] {
    const { binding } = this.#backend;
    const list: KernelAttribute[] = [];
    const add = (kind: string, entries: Readonly<Record<string, unknown>> | undefined): void => {
      for (const [name, value] of Object.entries(entries ?? {})) list.push({ name, type: binding[kind]!, value });
    };
    const types = Object.fromEntries(
      Object.entries(attributes.types ?? {}).map(([name, type]) => [
        name,
        type === 'float32' ? binding['TF_FLOAT'] : binding['TF_INT32'],
      ]),
    );
    add('TF_ATTR_TYPE', types);
    add('TF_ATTR_INT', attributes.ints);
    add('TF_ATTR_FLOAT', attributes.floats);
    add('TF_ATTR_BOOL', attributes.bools);
    add('TF_ATTR_STRING', attributes.strings);
    return list;
  }
}

export interface KernelAttributes {
  readonly types?: Readonly<Record<string, 'float32' | 'int32'>>;
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly bools?: Readonly<Record<string, boolean>>;
  readonly strings?: Readonly<Record<string, string>>;
}

/** TensorFlow's kernels when the current backend is tfjs-node, otherwise undefined. */
export function tensorflowKernels(): TensorflowKernels | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined;
  return new TensorflowKernels(tf.backend() as unknown as NodeBackend);
}
