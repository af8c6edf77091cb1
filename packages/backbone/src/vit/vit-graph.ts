import { U2SegError } from '@u2seg/core';
import { microsoftDomain, OnnxGraphBuilder, onnxFloat, type OnnxValue } from '@u2seg/interchange';
import { int8Attention } from './int8-attention.ts';
import { unsignedZero, type IntegerProduct } from './integer-product.ts';
import { quantizeRows, transpose } from './quantization.ts';
import type { VitArchitecture, VitWeights } from './vit-architecture.ts';

/** A tensor the graph can give. `n` is the number of tokens: CLS, registers, patches. */
export type VitOutput =
  /** [B, D] CLS token after the final norm. */
  | 'cls'
  /** [B, n, D] all tokens after the final norm. */
  | 'tokens'
  /** [B, n, D] tokens of the block before the last, after the final norm. */
  | 'penultimate'
  /** [B, n, D] tokens that enter the first block. */
  | 'tokens_in'
  /** [B, n, D] queries, keys and values of the last block, channel = head * width + i. */
  | 'query'
  | 'key'
  | 'value'
  /** [B, heads, n, n] attention of the last block. */
  | 'attention';

export interface VitGraphOptions {
  readonly outputs?: readonly VitOutput[];
  /** `fused` uses onnxruntime's attention operator, `spelled-out` only standard operators. */
  readonly attention?: 'fused' | 'spelled-out';
  /**
   * `int8` quantizes the linear layers, weights symmetrically per output channel and activations per tensor when they
   * occur, and the attention's logits (see `int8Attention`). Patch embedding, norms, softmax, its product with the values
   * and the last block's projection to q, k, v stay float32. Needs onnxruntime's operators.
   */
  readonly precision?: 'float32' | 'int8';
  /**
   * How `int8` stores its integers: `u8u8` is exact on every processor, `u8s8` is faster on those with VNNI and wrong on other x86.
   */
  readonly integerProduct?: IntegerProduct;
  /** Element type of the outputs. */
  readonly outputDtype?: 'float32' | 'float16';
  /** Licence and origin, kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** CLS token and keys: what clustering and MaskCut need. */
export const vitGraphDefaults: Required<VitGraphOptions> = {
  outputs: ['cls', 'key'],
  attention: 'fused',
  precision: 'float32',
  integerProduct: 'u8u8',
  outputDtype: 'float32',
  metadata: {},
};

/** Operator set 18 takes the axes of reductions as inputs. */
const opset = 18;
/** Of every LayerNorm of DINO and DINOv2. */
const layerNormEpsilon = 1e-6;

/**
 * Writes a vision transformer as an ONNX graph.
 *
 * Inputs: `pixels` [B, 3, H, W], normalised, H and W multiples of the patch size, and `positions` [1, n, D] as
 * `positionTokens` gives them for that grid; so one graph serves every image size. Only what the wanted outputs need is
 * computed: keys alone leave out the last block's attention and MLP.
 *
 * @throws U2SegError `wrong-usage` without an output
 */
export function vitGraph(weights: VitWeights, options: VitGraphOptions = {}): Uint8Array {
  const settings = { ...vitGraphDefaults, ...options };
  if (settings.outputs.length === 0)
    throw new U2SegError('wrong-usage', 'vitGraph: at least one output must be named.');
  return new VitGraphWriter(weights, settings).write();
}

class VitGraphWriter {
  readonly #graph: OnnxGraphBuilder;
  readonly #weights: VitWeights;
  readonly #architecture: VitArchitecture;
  readonly #options: Required<VitGraphOptions>;
  readonly #wanted: ReadonlySet<VitOutput>;

  constructor(weights: VitWeights, options: Required<VitGraphOptions>) {
    this.#graph = new OnnxGraphBuilder({ name: 'vit', opset, metadata: options.metadata });
    this.#weights = weights;
    this.#architecture = weights.architecture;
    this.#options = options;
    this.#wanted = new Set(options.outputs);
  }

  write(): Uint8Array {
    const { depth, dim, heads } = this.#architecture;
    const tokenShape = ['batch', 'tokens', dim];
    let x = this.#embed();
    if (this.#wanted.has('tokens_in')) this.#output('tokens_in', x, tokenShape);
    for (let block = 0; block < depth - 1; block += 1) x = this.#block(x, block);
    if (this.#wanted.has('penultimate')) this.#output('penultimate', this.#layerNorm(x, 'norm'), tokenShape);

    const last = depth - 1;
    const [query, key, value] = this.#project(x, last);
    for (const [name, tensor] of [
      ['query', query],
      ['key', key],
      ['value', value],
    ] as const) {
      if (this.#wanted.has(name)) this.#output(name, tensor, tokenShape);
    }
    if (this.#wanted.has('attention')) {
      this.#output('attention', this.#attentionMap(query, key), ['batch', heads, 'tokens', 'tokens']);
    }
    if (this.#wanted.has('cls') || this.#wanted.has('tokens')) {
      const tokens = this.#layerNorm(this.#finishBlock(x, last, this.#attend(query, key, value)), 'norm');
      if (this.#wanted.has('tokens')) this.#output('tokens', tokens, tokenShape);
      if (this.#wanted.has('cls')) {
        this.#output('cls', this.#graph.node('Gather', [tokens, this.#graph.int(0)], { axis: 1 }), ['batch', dim]);
      }
    }
    return this.#graph.build();
  }

  /** Patches as tokens, room for CLS and registers in front, positions added. */
  #embed(): OnnxValue {
    const graph = this.#graph;
    const { dim, patchSize, registers } = this.#architecture;
    const pixels = graph.input('pixels', 'float32', ['batch', 3, 'height', 'width']);
    const positions = graph.input('positions', 'float32', [1, 'tokens', dim]);
    const patches = graph.node(
      'Conv',
      [pixels, this.#parameter('patch_embed.proj.weight'), this.#parameter('patch_embed.proj.bias')],
      { kernel_shape: [patchSize, patchSize], strides: [patchSize, patchSize] },
    );
    const flat = graph.node('Reshape', [patches, graph.ints([0, dim, -1])]);
    const rows = graph.node('Transpose', [flat], { perm: [0, 2, 1] });
    // CLS and registers come with `positions`; zeros in their places let one addition put them in.
    const padded = graph.node('Pad', [rows, graph.ints([0, 1 + registers, 0, 0, 0, 0])]);
    return graph.node('Add', [padded, positions]);
  }

  #block(x: OnnxValue, block: number): OnnxValue {
    const [query, key, value] = this.#project(x, block);
    return this.#finishBlock(x, block, this.#attend(query, key, value));
  }

  /** Queries, keys and values of a block, [B, n, D] each. */
  #project(x: OnnxValue, block: number): readonly [OnnxValue, OnnxValue, OnnxValue] {
    const { dim } = this.#architecture;
    const qkv = this.#linear(this.#layerNorm(x, `blocks.${block}.norm1`), `blocks.${block}.attn.qkv`);
    const [query, key, value] = this.#graph.nodeOutputs('Split', [qkv, this.#graph.ints([dim, dim, dim])], 3, {
      axis: 2,
    });
    return [query!, key!, value!];
  }

  #attend(query: OnnxValue, key: OnnxValue, value: OnnxValue): OnnxValue {
    const { dim, heads } = this.#architecture;
    const graph = this.#graph;
    if (this.#options.precision === 'int8') {
      const [q, k, v] = [query, key, value].map((x) => this.#splitHeads(x, [0, 2, 1, 3]));
      return this.#joinHeads(int8Attention(graph, q!, k!, v!, dim / heads, this.#options.integerProduct));
    }
    if (this.#options.attention === 'fused') {
      return graph.node('MultiHeadAttention', [query, key, value], { num_heads: heads }, microsoftDomain);
    }
    const values = this.#splitHeads(value, [0, 2, 1, 3]);
    const mixed = graph.node('MatMul', [this.#attentionMap(query, key), values]);
    return this.#joinHeads(mixed);
  }

  /** [B, heads, n, width] -> [B, n, D]. */
  #joinHeads(x: OnnxValue): OnnxValue {
    const rows = this.#graph.node('Transpose', [x], { perm: [0, 2, 1, 3] });
    return this.#graph.node('Reshape', [rows, this.#graph.ints([0, 0, this.#architecture.dim])]);
  }

  #attentionMap(query: OnnxValue, key: OnnxValue): OnnxValue {
    const graph = this.#graph;
    const { dim, heads } = this.#architecture;
    const scale = graph.float((dim / heads) ** -0.5);
    const scaled = graph.node('Mul', [this.#splitHeads(query, [0, 2, 1, 3]), scale]);
    const logits = graph.node('MatMul', [scaled, this.#splitHeads(key, [0, 2, 3, 1])]);
    return graph.node('Softmax', [logits], { axis: -1 });
  }

  /** [B, n, D] -> heads apart, in the order `perm` of [B, n, heads, width]. */
  #splitHeads(x: OnnxValue, perm: readonly number[]): OnnxValue {
    const { dim, heads } = this.#architecture;
    const apart = this.#graph.node('Reshape', [x, this.#graph.ints([0, 0, heads, dim / heads])]);
    return this.#graph.node('Transpose', [apart], { perm });
  }

  /** Output projection, residual, MLP, residual; with DINOv2's layer scale. */
  #finishBlock(x: OnnxValue, block: number, attended: OnnxValue): OnnxValue {
    const graph = this.#graph;
    const name = `blocks.${block}`;
    const mixed = graph.node('Add', [x, this.#scale(this.#linear(attended, `${name}.attn.proj`), `${name}.ls1.gamma`)]);
    const hidden = this.#linear(this.#layerNorm(mixed, `${name}.norm2`), `${name}.mlp.fc1`);
    const mlp = this.#linear(this.#gelu(hidden), `${name}.mlp.fc2`);
    return graph.node('Add', [mixed, this.#scale(mlp, `${name}.ls2.gamma`)]);
  }

  /** The exact GELU, x (1 + erf(x / sqrt 2)) / 2. */
  #gelu(x: OnnxValue): OnnxValue {
    const graph = this.#graph;
    if (this.#options.attention === 'fused') return graph.node('Gelu', [x], {}, microsoftDomain);
    const erf = graph.node('Erf', [graph.node('Mul', [x, graph.float(Math.SQRT1_2)])]);
    const gate = graph.node('Mul', [graph.node('Add', [erf, graph.float(1)]), graph.float(0.5)]);
    return graph.node('Mul', [x, gate]);
  }

  #scale(x: OnnxValue, gamma: string): OnnxValue {
    if (this.#architecture.family === 'dino') return x;
    return this.#graph.node('Mul', [x, this.#parameter(gamma)]);
  }

  #layerNorm(x: OnnxValue, name: string): OnnxValue {
    return this.#graph.node(
      'LayerNormalization',
      [x, this.#parameter(`${name}.weight`), this.#parameter(`${name}.bias`)],
      {
        axis: -1,
        epsilon: onnxFloat(layerNormEpsilon),
      },
    );
  }

  #linear(x: OnnxValue, name: string): OnnxValue {
    if (this.#options.precision === 'int8' && name !== `blocks.${this.#architecture.depth - 1}.attn.qkv`) {
      const { weight, scale, zero } = this.#quantized(`${name}.weight`);
      const inputs = [x, weight, scale, zero, this.#parameter(`${name}.bias`)];
      return this.#graph.node('DynamicQuantizeMatMul', inputs, {}, microsoftDomain);
    }
    const product = this.#graph.node('MatMul', [x, this.#transposed(`${name}.weight`)]);
    return this.#graph.node('Add', [product, this.#parameter(`${name}.bias`)]);
  }

  /** Integers, scales and zero points of a weight; `''` leaves the zero points at 0. */
  #quantized(name: string): { readonly weight: OnnxValue; readonly scale: OnnxValue; readonly zero: OnnxValue } {
    const graph = this.#graph;
    const { shape, data } = this.#weights.parameters.get(name)!;
    const [rows, columns] = shape as readonly [number, number];
    const { values, scales } = quantizeRows(data, rows, columns);
    const turned = transpose(values, new Int8Array(values.length), rows, columns);
    const scale = graph.initializer(`${name}:scale`, { dtype: 'float32', shape: [rows], data: scales });
    const tensor = { shape: [columns, rows] };
    if (this.#options.integerProduct === 'u8s8') {
      return { weight: graph.initializer(name, { dtype: 'int8', ...tensor, data: turned }), scale, zero: '' };
    }
    const bytes = Uint8Array.from(turned, (value) => value + unsignedZero);
    const zeros = new Uint8Array(rows).fill(unsignedZero);
    return {
      weight: graph.initializer(name, { dtype: 'uint8', ...tensor, data: bytes }),
      scale,
      zero: graph.initializer(`${name}:zero`, { dtype: 'uint8', shape: [rows], data: zeros }),
    };
  }

  readonly #stored = new Map<string, OnnxValue>();

  #parameter(name: string): OnnxValue {
    const { shape, data } = this.#weights.parameters.get(name)!;
    return this.#store(name, () => this.#graph.initializer(name, { dtype: 'float32', shape, data }));
  }

  /** torch keeps [out, in]; MatMul wants [in, out]. */
  #transposed(name: string): OnnxValue {
    const { shape, data } = this.#weights.parameters.get(name)!;
    const [rows, columns] = shape as readonly [number, number];
    return this.#store(name, () => {
      const turned = transpose(data, new Float32Array(data.length), rows, columns);
      return this.#graph.initializer(name, { dtype: 'float32', shape: [columns, rows], data: turned });
    });
  }

  #store(name: string, make: () => OnnxValue): OnnxValue {
    const value = this.#stored.get(name) ?? make();
    this.#stored.set(name, value);
    return value;
  }

  #output(name: VitOutput, value: OnnxValue, shape: readonly (string | number)[]): void {
    const half = this.#options.outputDtype === 'float16';
    const cast = half ? this.#graph.node('Cast', [value], { to: onnxFloat16Code }) : value;
    this.#graph.output(name, cast, this.#options.outputDtype, shape);
  }
}

/** `TensorProto.DataType.FLOAT16`. */
const onnxFloat16Code = 10;
