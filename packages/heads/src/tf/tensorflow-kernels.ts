import * as tf from '@tensorflow/tfjs-core';

/** `DT_BFLOAT16` of TensorFlow's types.proto, which the binding does not name. */
const bfloat16Type = 14;

/** One attribute of a TensorFlow operation as tfjs-node's binding takes it. */
interface KernelAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor of the binding that TensorFlow.js does not know, for want of its element type. */
interface NativeTensor {
  readonly id: number;
}

interface NodeBinding extends Readonly<Record<string, unknown>> {
  executeOp(
    name: string,
    attributes: readonly KernelAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): NativeTensor[];
  deleteTensor(id: number): void;
}

interface NodeBackend {
  readonly binding: NodeBinding;
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
  createOutputTensor(tensor: NativeTensor): tf.Tensor;
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

  /**
   * An operation with type attribute `T` on float32 tensors, in bfloat16: its float32 inputs are rounded to the nearest even,
   * its one result is widened again. TensorFlow.js has no such type, so what lies between never becomes a tensor of its.
   */
  runBfloat16(name: string, inputs: readonly tf.Tensor[], attributes: Omit<KernelAttributes, 'types'>): tf.Tensor {
    const { binding } = this.#backend;
    const ids = this.#backend.getInputTensorIds(inputs);
    const made: NativeTensor[] = [];
    const run = (operation: string, list: KernelAttribute[], operands: readonly number[]): NativeTensor => {
      const result = binding.executeOp(operation, list, operands, 1)[0]!;
      made.push(result);
      return result;
    };
    const cast = (id: number, from: number, to: number): number =>
      run('Cast', [this.#type('SrcT', from), this.#type('DstT', to), this.#truncate], [id]).id;
    const [float, bfloat16] = [binding['TF_FLOAT'] as number, bfloat16Type];
    try {
      const operands = inputs.map((input, i) => (input.dtype === 'float32' ? cast(ids[i]!, float, bfloat16) : ids[i]!));
      const result = run(name, [this.#type('T', bfloat16), ...this.#attributes(attributes)], operands);
      cast(result.id, bfloat16, float);
      return this.#backend.createOutputTensor(made.pop()!);
    } finally {
      for (const { id } of made) binding.deleteTensor(id);
    }
  }

  /**
   * Product of a sparse matrix, or its transpose, with a dense one: [rows, columns] x [columns, C] -> [rows, C].
   *
   * @param places - [n, 2] (row, column) of the values, rows ascending
   * @param values - [n]
   */
  sparseProduct(
    places: tf.Tensor,
    values: tf.Tensor,
    [rows, columns]: readonly [number, number],
    dense: tf.Tensor,
    transposed: boolean,
  ): tf.Tensor {
    const { binding } = this.#backend;
    const made: NativeTensor[] = [];
    const run = (name: string, attributes: KernelAttribute[], operands: readonly number[]): number => {
      const result = binding.executeOp(name, attributes, operands, 1)[0]!;
      made.push(result);
      return result.id;
    };
    const [float, int, long] = ['TF_FLOAT', 'TF_INT32', 'TF_INT64'].map((type) => binding[type] as number);
    const flags = (names: readonly string[]): KernelAttribute[] =>
      names.map((name) => ({ name, type: binding['TF_ATTR_BOOL'] as number, value: false }));
    const size = tf.tensor1d([rows, columns], 'int32');
    try {
      const [at, weights, shape, right] = this.#backend.getInputTensorIds([places, values, size, dense]);
      const toLong = [this.#type('SrcT', int!), this.#type('DstT', long!), ...flags(['Truncate'])];
      const operands = [run('Cast', toLong, [at!]), weights!, run('Cast', toLong, [shape!])];
      const upright = run('SparseTensorToCSRSparseMatrix', [this.#type('T', float!)], operands);
      const matrix = transposed
        ? run('SparseMatrixTranspose', [this.#type('type', float!), ...flags(['conjugate'])], [upright])
        : upright;
      const options = ['transpose_a', 'transpose_b', 'adjoint_a', 'adjoint_b', 'transpose_output', 'conjugate_output'];
      run('SparseMatrixMatMul', [this.#type('T', float!), ...flags(options)], [matrix, right!]);
      return this.#backend.createOutputTensor(made.pop()!);
    } finally {
      for (const { id } of made) binding.deleteTensor(id);
      size.dispose();
    }
  }

  #type(name: string, value: number): KernelAttribute {
    return { name, type: this.#backend.binding['TF_ATTR_TYPE'] as number, value };
  }

  get #truncate(): KernelAttribute {
    return { name: 'Truncate', type: this.#backend.binding['TF_ATTR_BOOL'] as number, value: false };
  }

  #attributes(attributes: KernelAttributes): KernelAttribute[] {
    const { binding } = this.#backend;
    const list: KernelAttribute[] = [];
    const add = (kind: string, entries: Readonly<Record<string, unknown>> | undefined): void => {
      for (const [name, value] of Object.entries(entries ?? {}))
        list.push({ name, type: binding[kind] as number, value });
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
