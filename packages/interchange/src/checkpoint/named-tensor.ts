import { U2SegError } from '@u2seg/core';

/** Element types of stored tensors. `complex` types hold pairs (real, imaginary) and count one element per pair. */
export type TensorDtype =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float8_e4m3fn'
  | 'float8_e5m2'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool'
  | 'complex64'
  | 'complex128';

/** Typed array of a tensor's elements. Halves travel as raw bits in a Uint16Array, 8-bit floats and bool as bytes. */
export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** A dense tensor without a name: row-major, outermost dimension first. */
export interface DenseTensor {
  readonly dtype: TensorDtype;
  /** Sizes, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Row-major elements; may be a view into the file's bytes, so treat it as read-only. */
  readonly data: TensorData;
}

/** One entry of a checkpoint. */
export interface NamedTensor extends DenseTensor {
  /** For example `blocks.0.attn.qkv.weight`. */
  readonly name: string;
}

/** An entry of a checkpoint that is not read, because of the type of its elements. */
export interface UnreadTensor {
  readonly name: string;
  /** As the file calls it: `F8_E8M0`, `torch.float8_e5m2fnuz`, `ml_dtypes.int4`. */
  readonly dtype: string;
}

type ArrayConstructor = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
  readonly BYTES_PER_ELEMENT: number;
};

interface DtypeFacts {
  /** Bytes of one element. */
  readonly bytes: number;
  readonly array: ArrayConstructor;
  /** Array entries per element: 2 for complex numbers. */
  readonly entries: number;
}

/** Width and array type of each dtype. */
export const dtypeFacts: Readonly<Record<TensorDtype, DtypeFacts>> = {
  float64: { bytes: 8, array: Float64Array, entries: 1 },
  float32: { bytes: 4, array: Float32Array, entries: 1 },
  float16: { bytes: 2, array: Uint16Array, entries: 1 },
  bfloat16: { bytes: 2, array: Uint16Array, entries: 1 },
  float8_e4m3fn: { bytes: 1, array: Uint8Array, entries: 1 },
  float8_e5m2: { bytes: 1, array: Uint8Array, entries: 1 },
  int64: { bytes: 8, array: BigInt64Array, entries: 1 },
  int32: { bytes: 4, array: Int32Array, entries: 1 },
  int16: { bytes: 2, array: Int16Array, entries: 1 },
  int8: { bytes: 1, array: Int8Array, entries: 1 },
  uint64: { bytes: 8, array: BigUint64Array, entries: 1 },
  uint32: { bytes: 4, array: Uint32Array, entries: 1 },
  uint16: { bytes: 2, array: Uint16Array, entries: 1 },
  uint8: { bytes: 1, array: Uint8Array, entries: 1 },
  bool: { bytes: 1, array: Uint8Array, entries: 1 },
  complex64: { bytes: 8, array: Float32Array, entries: 2 },
  complex128: { bytes: 16, array: Float64Array, entries: 2 },
};

/**
 * Number of elements of a shape that came from a file.
 *
 * @throws U2SegError `bad-format` if a size is no integer in [0, 2^53) or the product leaves that range
 */
export function elementCount(where: string, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new U2SegError('bad-format', `${where}: sizes must be integers >= 0, got [${shape.join(', ')}].`);
    }
    count *= size;
    if (!Number.isSafeInteger(count)) {
      throw new U2SegError('bad-format', `${where}: [${shape.join(', ')}] has more elements than can be counted.`);
    }
  }
  return count;
}

/** Elements of `bytes` as the dtype's typed array: a view where the alignment allows it, else a copy. */
export function viewElements(dtype: TensorDtype, bytes: Uint8Array): TensorData {
  const { array } = dtypeFacts[dtype];
  const length = Math.floor(bytes.byteLength / array.BYTES_PER_ELEMENT);
  if (bytes.byteOffset % array.BYTES_PER_ELEMENT === 0) return new array(bytes.buffer, bytes.byteOffset, length);
  // Not bytes.slice(): a Buffer's slice is a view.
  const copy = new Uint8Array(bytes);
  return new array(copy.buffer, 0, length);
}

/** The little-endian bytes of a tensor's elements, without a copy. */
export function tensorBytes(tensor: DenseTensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Checks that a tensor's data fits its dtype and shape, before it is written or used.
 *
 * @throws U2SegError `shape-mismatch`
 */
export function assertTensor(where: string, tensor: DenseTensor): void {
  const { array, entries } = dtypeFacts[tensor.dtype];
  if (!(tensor.data instanceof array)) {
    throw new U2SegError(
      'shape-mismatch',
      `${where}: a ${tensor.dtype} tensor needs ${array.name}, got ${tensor.data.constructor.name}.`,
    );
  }
  const wanted = elementCount(where, tensor.shape) * entries;
  if (tensor.data.length !== wanted) {
    throw new U2SegError(
      'shape-mismatch',
      `${where}: [${tensor.shape.join(', ')}] of ${tensor.dtype} needs ${wanted} values, got ${tensor.data.length}.`,
    );
  }
}
