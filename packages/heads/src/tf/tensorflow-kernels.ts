import * as tf from '@tensorflow/tfjs-core';

/** Element types of TensorFlow, by their numbers in its types.proto; the binding names only some. */
const elementTypes = { float32: 1, int32: 3, int64: 9, bfloat16: 14 } as const;

export type ElementType = keyof typeof elementTypes;

/** One attribute of a TensorFlow operation as tfjs-node's binding takes it. */
interface KernelAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A result of the binding. */
interface NativeTensor {
  readonly id: number;
  readonly shape: readonly number[];
  /** Number in types.proto. */
  readonly dtype: number;
}

interface NodeBinding extends Readonly<Record<string, unknown>> {
  executeOp(
    name: string,
    attributes: readonly KernelAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): NativeTensor[];
}

interface NodeBackend {
  readonly binding: NodeBinding;
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
  createOutputTensor(tensor: NativeTensor): tf.Tensor;
}

/**
 * Data of tensors whose elements TensorFlow.js has no type for. It takes them for float32 tensors, which gives them a shape, a
 * scope and a place on the gradient tape; only kernels that are called with their true type may have them.
 */
const foreign = new WeakMap<object, number>();
/** Types TensorFlow.js knows: float32, int32, bool. */
const known: ReadonlySet<number> = new Set([1, 3, 10]);

/** True for a tensor whose elements are bfloat16, see {@link TensorflowKernels.cast}. */
export function isBfloat16(x: tf.Tensor): boolean {
  return foreign.get(x.dataId) === elementTypes.bfloat16;
}

/** Element type of a tensor of numbers: float32 or bfloat16. */
export function floatType(x: tf.Tensor): 'float32' | 'bfloat16' {
  return isBfloat16(x) ? 'bfloat16' : 'float32';
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
    return this.runMany(name, inputs, attributes, 1)[0]!;
  }

  runMany(name: string, inputs: readonly tf.Tensor[], attributes: KernelAttributes, outputs: number): tf.Tensor[] {
    const ids = this.#backend.getInputTensorIds(inputs);
    const results = this.#backend.binding.executeOp(name, this.#attributes(attributes), ids, outputs);
    return results.map((result) => this.#adopt(result));
  }

  /** Elements in another type; bfloat16 is rounded to the nearest even. */
  cast(x: tf.Tensor, from: ElementType, to: ElementType): tf.Tensor {
    return this.run('Cast', [x], { types: { SrcT: from, DstT: to }, bools: { Truncate: false } });
  }

  #adopt(result: NativeTensor): tf.Tensor {
    if (known.has(result.dtype)) return this.#backend.createOutputTensor(result);
    const tensor = this.#backend.createOutputTensor({ ...result, dtype: elementTypes.float32 });
    foreign.set(tensor.dataId, result.dtype);
    return tensor;
  }

  #attributes(attributes: KernelAttributes): KernelAttribute[] {
    const { binding } = this.#backend;
    const list: KernelAttribute[] = [];
    const add = (kind: string, entries: Readonly<Record<string, unknown>> | undefined): void => {
      for (const [name, value] of Object.entries(entries ?? {}))
        list.push({ name, type: binding[kind] as number, value });
    };
    const types = Object.entries(attributes.types ?? {}).map(([name, type]) => [name, elementTypes[type]]);
    add('TF_ATTR_TYPE', Object.fromEntries(types) as Record<string, number>);
    add('TF_ATTR_INT', attributes.ints);
    add('TF_ATTR_FLOAT', attributes.floats);
    add('TF_ATTR_BOOL', attributes.bools);
    add('TF_ATTR_STRING', attributes.strings);
    return list;
  }
}

export interface KernelAttributes {
  readonly types?: Readonly<Record<string, ElementType>>;
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
