import { U2SegError } from '@u2seg/core';
import { decodeFloat16 } from '../tables/float16.ts';
import { assertTensor, type DenseTensor, type TensorDtype } from './named-tensor.ts';

/** Dtypes that {@link toFloat32} converts. 8-bit floats are not among them: their scales lie in other tensors. */
export const floatDtypes: readonly TensorDtype[] = ['float64', 'float32', 'float16', 'bfloat16'];

/**
 * Checks that a tensor holds real numbers a network can take.
 *
 * @param where - file and tensor, for the error
 * @throws U2SegError `unsupported` for integers, booleans, complex numbers and 8-bit floats
 */
export function assertFloats(where: string, { dtype }: Pick<DenseTensor, 'dtype'>): void {
  if (floatDtypes.includes(dtype)) return;
  throw new U2SegError('unsupported', `${where}: wanted ${floatDtypes.join(', ')}, got ${dtype}.`);
}

/**
 * A tensor's elements as float32: the data itself for float32, a converted copy for the other {@link floatDtypes}. Every
 * weight of a network comes through here, so that no stored bits are taken for numbers.
 *
 * @param where - file and tensor, for the error
 * @throws U2SegError `unsupported` as {@link assertFloats}, `shape-mismatch` for data that do not fit dtype and shape
 */
export function toFloat32(tensor: DenseTensor, where = 'toFloat32'): Float32Array {
  const { dtype, data } = tensor;
  assertFloats(where, tensor);
  assertTensor(where, tensor);
  if (dtype === 'float16') return decodeFloat16(data as Uint16Array);
  if (dtype === 'bfloat16') return fromBfloat16(data as Uint16Array);
  return data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
}

/**
 * A tensor's elements as counts, for the few buffers of a network that are integers.
 *
 * @param where - file and tensor, for the error
 * @throws U2SegError `unsupported` for complex numbers and 8-bit floats, `shape-mismatch` as {@link toFloat32}
 */
export function toInt32(tensor: DenseTensor, where = 'toInt32'): Int32Array {
  const { dtype, data } = tensor;
  if (!/^(?:u?int|bool)/u.test(dtype)) return Int32Array.from(toFloat32(tensor, where));
  assertTensor(where, tensor);
  return Int32Array.from({ length: data.length }, (_, i) => Number(data[i]!));
}

/** Values of bfloat16 bits: the upper half of a float32. */
function fromBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}
