import { U2SegError } from '@u2seg/core';
import { assertTensor, tensorBytes, type DenseTensor, type TensorDtype } from '../checkpoint/named-tensor.ts';
import { modelProto } from './onnx-schema.ts';
import { onnxTypeCodes } from './onnx-types.ts';

/** Name of a value in a graph: an input, an initializer or the output of a node; `''` leaves an optional input out. */
export type OnnxValue = string;

/** A floating-point attribute, made by {@link onnxFloat} or {@link onnxFloats}; plain numbers are integers. */
export interface OnnxFloat {
  readonly float: number | readonly number[];
}

/** Value of a node's attribute: integer(s), float(s), text(s), a tensor, or a subgraph for `If` and `Loop`. */
export type OnnxAttribute =
  number | readonly number[] | string | readonly string[] | OnnxFloat | DenseTensor | OnnxGraphBuilder;

/** Marks a float attribute: `{ epsilon: onnxFloat(1e-6) }`. */
export function onnxFloat(value: number): OnnxFloat {
  return { float: value };
}

/** Marks a list of floats. */
export function onnxFloats(values: readonly number[]): OnnxFloat {
  return { float: values };
}

export interface OnnxGraphOptions {
  /** Name of the graph. */
  readonly name?: string;
  /** Version of the standard operator set. */
  readonly opset?: number;
  /** Kept in the file's metadata, for example the licence of the weights. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Operator set 17 has LayerNormalization and is read by every onnxruntime since 1.12. */
export const onnxGraphDefaults: Required<OnnxGraphOptions> = { name: 'graph', opset: 17, metadata: {} };

/** Domain of onnxruntime's own operators, such as fused attention. */
export const microsoftDomain = 'com.microsoft';

const irVersion = 9;
/** protobuf cannot hold messages past 2 GiB. */
const maxModelBytes = 2 ** 31 - 1;

interface NodeRecord {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly attribute: readonly Record<string, unknown>[];
}

/**
 * Writes an ONNX graph node by node. Values are names; every node may use only what was defined before it, so the graph is
 * in topological order by construction.
 *
 * ```ts
 * const graph = new OnnxGraphBuilder();
 * const x = graph.input('x', 'float32', ['batch', 3]);
 * const w = graph.initializer('w', { dtype: 'float32', shape: [3, 2], data: new Float32Array(6) });
 * graph.output('y', graph.node('MatMul', [x, w]), 'float32', ['batch', 2]);
 * const file = graph.build();
 * ```
 */
export class OnnxGraphBuilder {
  readonly #options: Required<OnnxGraphOptions>;
  readonly #parent: OnnxGraphBuilder | undefined;
  readonly #known = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #inputs: Record<string, unknown>[] = [];
  readonly #outputs: Record<string, unknown>[] = [];
  readonly #nodes: NodeRecord[] = [];
  readonly #initializers: { readonly name: string; readonly tensor: DenseTensor }[] = [];
  readonly #constants = new Map<string, OnnxValue>();
  readonly #domains = new Set<string>();

  /** @param parent - the graph a subgraph belongs to; its values can be used inside */
  constructor(options: OnnxGraphOptions = {}, parent?: OnnxGraphBuilder) {
    this.#options = { ...onnxGraphDefaults, ...options };
    this.#parent = parent;
  }

  /**
   * Declares an input.
   *
   * @param shape - a name stands for a size known only at run time
   */
  input(name: string, dtype: TensorDtype, shape: readonly (number | string)[]): OnnxValue {
    this.#define(name);
    this.#inputs.push(valueInfo(name, dtype, shape));
    return name;
  }

  /** Stores a tensor under `name`. */
  initializer(name: string, tensor: DenseTensor): OnnxValue {
    assertTensor(`OnnxGraphBuilder: initializer "${name}"`, tensor);
    this.#define(name);
    this.#initializers.push({ name, tensor });
    return name;
  }

  /** An int64 list, stored once however often it is asked for: axes, shapes, split sizes. */
  ints(values: readonly number[]): OnnxValue {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    return this.#constant(`ints ${values.join(' ')}`, { dtype: 'int64', shape: [values.length], data });
  }

  /** An int64 scalar, stored once. */
  int(value: number): OnnxValue {
    return this.#constant(`int ${value}`, { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) });
  }

  /** A float32 scalar, stored once. */
  float(value: number): OnnxValue {
    return this.#constant(`float ${value}`, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** A float32 list, stored once. */
  floats(values: readonly number[]): OnnxValue {
    const data = Float32Array.from(values);
    return this.#constant(`floats ${values.join(' ')}`, { dtype: 'float32', shape: [values.length], data });
  }

  /** Adds a node with one output and returns that output. */
  node(
    opType: string,
    inputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): OnnxValue {
    return this.nodeOutputs(opType, inputs, 1, attributes, domain)[0]!;
  }

  /**
   * Adds a node with `count` outputs.
   *
   * @throws U2SegError `not-found` if an input is not defined yet
   */
  nodeOutputs(
    opType: string,
    inputs: readonly OnnxValue[],
    count: number,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): OnnxValue[] {
    const name = this.#fresh(opType);
    for (const [i, value] of inputs.entries()) {
      if (value !== '' && !this.#has(value)) {
        throw new U2SegError('not-found', `OnnxGraphBuilder: input ${i} of ${name}, "${value}", is not defined yet.`);
      }
    }
    const output = Array.from({ length: count }, (_, i) => (count === 1 ? `${name}:out` : `${name}:out${i}`));
    for (const value of output) this.#define(value);
    this.#useDomain(domain);
    const attribute = Object.entries(attributes).map(([key, value]) => this.#attribute(name, key, value));
    this.#nodes.push({ input: inputs, output, name, opType, domain, attribute });
    return output;
  }

  /**
   * Declares `value` as an output called `name`.
   *
   * @throws U2SegError `not-found` if the value is not defined, `conflict` if the name is taken
   */
  output(name: string, value: OnnxValue, dtype: TensorDtype, shape: readonly (number | string)[]): void {
    if (!this.#has(value)) {
      throw new U2SegError('not-found', `OnnxGraphBuilder: output "${name}" is "${value}", which is not defined.`);
    }
    this.#define(name);
    // An Identity gives the output its public name; the runtime removes it again.
    this.#nodes.push({
      input: [value],
      output: [name],
      name: `output:${name}`,
      opType: 'Identity',
      domain: '',
      attribute: [],
    });
    this.#outputs.push(valueInfo(name, dtype, shape));
  }

  /**
   * The `.onnx` file.
   *
   * @throws U2SegError `wrong-usage` without an output, `unsupported` past 2 GiB
   */
  build(): Uint8Array {
    if (this.#outputs.length === 0) throw new U2SegError('wrong-usage', 'OnnxGraphBuilder: the graph has no output.');
    const weights = this.#initializers.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
    if (weights > maxModelBytes) {
      throw new U2SegError(
        'unsupported',
        `OnnxGraphBuilder: ${weights} bytes of weights; a file holds ${maxModelBytes}.`,
      );
    }
    return modelProto()
      .encode({
        irVersion,
        producerName: 'u2seg',
        opsetImport: [
          { domain: '', version: this.#options.opset },
          ...[...this.#domains].map((domain) => ({ domain, version: 1 })),
        ],
        metadataProps: Object.entries(this.#options.metadata).map(([key, value]) => ({ key, value })),
        graph: this.#graph(),
      })
      .finish();
  }

  #graph(): Record<string, unknown> {
    return {
      name: this.#options.name,
      node: this.#nodes,
      initializer: this.#initializers.map(({ name, tensor }) => tensorProto(name, tensor)),
      input: this.#inputs,
      output: this.#outputs,
    };
  }

  #constant(key: string, tensor: DenseTensor): OnnxValue {
    let value = this.#constants.get(key);
    if (value === undefined) {
      value = this.initializer(this.#fresh('constant'), tensor);
      this.#constants.set(key, value);
    }
    return value;
  }

  #attribute(node: string, name: string, value: OnnxAttribute): Record<string, unknown> {
    const integer = (entry: number): number => {
      if (Number.isSafeInteger(entry)) return entry;
      throw new U2SegError('wrong-usage', `OnnxGraphBuilder: ${node}.${name} is ${entry}; wrap floats in onnxFloat().`);
    };
    if (typeof value === 'number') return { name, type: 2, i: integer(value) };
    if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
    if (value instanceof OnnxGraphBuilder) {
      for (const domain of value.#domains) this.#useDomain(domain);
      return { name, type: 5, g: value.#graph() };
    }
    if ('float' in value) {
      return typeof value.float === 'number'
        ? { name, type: 1, f: value.float }
        : { name, type: 6, floats: value.float };
    }
    if ('dtype' in value) return { name, type: 4, t: tensorProto('', value) };
    if (value.every((entry) => typeof entry === 'string')) {
      return { name, type: 8, strings: value.map((entry) => new TextEncoder().encode(entry)) };
    }
    return { name, type: 7, ints: value.map((entry) => integer(entry as number)) };
  }

  #useDomain(domain: string): void {
    if (domain !== '') this.#domains.add(domain);
  }

  #has(value: string): boolean {
    return this.#known.has(value) || (this.#parent !== undefined && this.#parent.#has(value));
  }

  /** A name nobody has used, shared with the parents of a subgraph. */
  #fresh(stem: string): string {
    if (this.#parent !== undefined) return this.#parent.#fresh(stem);
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    return `${stem}_${count}`;
  }

  #define(name: string): void {
    if (name === '' || this.#has(name)) {
      throw new U2SegError('conflict', `OnnxGraphBuilder: the name "${name}" is ${name === '' ? 'empty' : 'taken'}.`);
    }
    this.#known.add(name);
  }
}

function valueInfo(name: string, dtype: TensorDtype, shape: readonly (number | string)[]): Record<string, unknown> {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: onnxTypeCodes[dtype], shape: { dim } } } };
}

function tensorProto(name: string, tensor: DenseTensor): Record<string, unknown> {
  return { name, dims: tensor.shape, dataType: onnxTypeCodes[tensor.dtype], rawData: tensorBytes(tensor) };
}
