import { floatRounding, underflow } from '../../kmeans/nearness.ts';
import { largestOf, longestRow, type CentroidRounding, type HeldPoints, type ScoreProducts } from './score-products.ts';
import { take, type TfModule, type TfTensor } from './tfjs-module.ts';

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number;
}
interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The part of tfjs-node's backend that runs a TensorFlow kernel by its name. */
interface NativeBackend {
  readonly binding: {
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
    executeOp(name: string, attributes: Attribute[], inputs: number[], outputs: number): TensorMetadata[];
    deleteTensor(id: number): void;
  };
  getInputTensorIds(tensors: TfTensor[]): number[];
  createOutputTensor(metadata: TensorMetadata): TfTensor;
}

/** `DT_BFLOAT16`, which tfjs-node has no name for. */
const bfloat16 = 14;
/** Rounding to the nearest number of 8 bits of precision, relative. */
const roundingOf8Bits = 2 ** -8;
/** A bias goes into the product as this many bfloat16 summands, 24 bits in all. */
const biasParts = 3;

/** An id of a bfloat16 tensor in TensorFlow. */
type Held = TensorMetadata;

/**
 * Products of bfloat16 tensors in TensorFlow proper, summed in float32: about twice as fast on CPUs with AVX512-BF16 or AMX.
 *
 * The rounding of points and centroids is known exactly, so the bound holds for any data; only that kernels sum in
 * float32 is taken for granted.
 */
export class Bfloat16Products implements ScoreProducts<Held> {
  readonly name = 'bfloat16';
  readonly outputRounding: number = roundingOf8Bits;
  readonly #tf: TfModule;
  readonly #native: NativeBackend;
  readonly #dim: number;
  #centroids: Held | undefined;

  /** Undefined where the backend is not TensorFlow itself. */
  static on(tf: TfModule, dim: number): Bfloat16Products | undefined {
    const backend = tf.backend() as Partial<NativeBackend>;
    const usable =
      typeof backend.binding?.executeOp === 'function' &&
      typeof backend.createOutputTensor === 'function' &&
      typeof backend.getInputTensorIds === 'function';
    return usable ? new Bfloat16Products(tf, backend as NativeBackend, dim) : undefined;
  }

  private constructor(tf: TfModule, native: NativeBackend, dim: number) {
    this.#tf = tf;
    this.#native = native;
    this.#dim = dim;
  }

  async hold(points: TfTensor, rows: number): Promise<HeldPoints<Held>> {
    const tf = this.#tf;
    const ones = tf.ones([rows, biasParts]);
    const wide = tf.concat([points, ones], 1);
    const held = this.#cast(this.#id(wide), 'down');
    const back = this.#native.createOutputTensor(this.#cast(held.id, 'up'));
    const squares = tf.tidy(() => tf.sum(tf.square(tf.sub(wide, back)), 1));
    for (const tensor of [ones, wide, back]) tensor.dispose();
    // The sum of squares is itself rounded.
    const margin = 1 + 2 * floatRounding(this.#dim);
    const residuals = ((await take(squares)) as Float32Array).map((square) => margin * Math.sqrt(square));
    return { held, residuals };
  }

  gather(held: Held, rows: Int32Array): Held {
    const { binding } = this.#native;
    const index = this.#tf.tensor1d(rows, 'int32');
    const axis = this.#tf.scalar(0, 'int32');
    const out = this.#run(
      'GatherV2',
      [
        this.#type('Tparams', bfloat16),
        this.#type('Tindices', binding.TF_INT32),
        this.#type('Taxis', binding.TF_INT32),
      ],
      [held.id, this.#id(index), this.#id(axis)],
    );
    index.dispose();
    axis.dispose();
    return out;
  }

  release(held: Held): void {
    this.#native.binding.deleteTensor(held.id);
  }

  setCentroids(centroids: Float32Array, bias: Float64Array, k: number): CentroidRounding {
    this.dispose();
    const dim = this.#dim;
    const rounded = roundToBfloat16(centroids);
    let residual = 0;
    for (let c = 0; c < k; c += 1) {
      let sum = 0;
      for (let j = c * dim; j < (c + 1) * dim; j += 1) sum += (centroids[j]! - rounded[j]!) ** 2;
      residual = Math.max(residual, sum);
    }
    const turned = new Float32Array((dim + biasParts) * k);
    for (let c = 0; c < k; c += 1) {
      for (let j = 0; j < dim; j += 1) turned[j * k + c] = rounded[c * dim + j]!;
    }
    const left = bias.slice();
    for (let part = 0; part < biasParts; part += 1) {
      const summand = roundToBfloat16(Float32Array.from(left));
      turned.set(summand, (dim + part) * k);
      for (let c = 0; c < k; c += 1) left[c]! -= summand[c]!;
    }
    const wide = this.#tf.tensor2d(turned, [dim + biasParts, k]);
    this.#centroids = this.#cast(this.#id(wide), 'down');
    wide.dispose();
    const longest = longestRow(rounded, k, dim);
    const unit = floatRounding(dim + biasParts);
    // The three summands are at most 1 + 1/128 times the bias together.
    const constant = largestOf(left) + 1.01 * unit * largestOf(bias) + underflow(dim);
    return { longest, residual: Math.sqrt(residual), perLength: unit * longest, constant };
  }

  scores(held: Held): TfTensor {
    const { binding } = this.#native;
    const short = this.#run(
      'MatMul',
      [
        { name: 'transpose_a', type: binding.TF_ATTR_BOOL, value: false },
        { name: 'transpose_b', type: binding.TF_ATTR_BOOL, value: false },
        this.#type('T', bfloat16),
      ],
      [held.id, this.#centroids!.id],
    );
    const scores = this.#native.createOutputTensor(this.#cast(short.id, 'up'));
    binding.deleteTensor(short.id);
    return scores;
  }

  dispose(): void {
    if (this.#centroids !== undefined) this.release(this.#centroids);
    this.#centroids = undefined;
  }

  #cast(id: number, way: 'down' | 'up'): TensorMetadata {
    const { binding } = this.#native;
    const [from, to] = way === 'down' ? [binding.TF_FLOAT, bfloat16] : [bfloat16, binding.TF_FLOAT];
    const truncate = { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false };
    return this.#run('Cast', [this.#type('SrcT', from), this.#type('DstT', to), truncate], [id]);
  }

  #run(name: string, attributes: Attribute[], inputs: number[]): TensorMetadata {
    return this.#native.binding.executeOp(name, attributes, inputs, 1)[0]!;
  }

  #type(name: string, value: number): Attribute {
    return { name, type: this.#native.binding.TF_ATTR_TYPE, value };
  }

  #id(tensor: TfTensor): number {
    return this.#native.getInputTensorIds([tensor])[0]!;
  }
}

/** The nearest numbers with 8 bits of precision, ties to even, as float32. */
export function roundToBfloat16(values: Float32Array): Float32Array {
  const out = values.slice();
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i]!;
    bits[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  }
  return out;
}
