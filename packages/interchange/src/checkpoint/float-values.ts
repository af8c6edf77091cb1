import { U2SegError } from '@u2seg/core';
import { decodeFloat16 } from '../tables/float16.ts';
import type { DenseTensor } from './named-tensor.ts';

/** Values of bfloat16 bits: the upper half of a float32. */
function fromBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/**
 * A tensor's elements as float32: the data itself for float32, a converted copy for other real types.
 *
 * @throws U2SegError `unsupported` for complex and 8-bit float tensors
 */
export function toFloat32(tensor: DenseTensor): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array && dtype === 'float32') return data;
  if (dtype === 'float16') return decodeFloat16(data as Uint16Array);
  if (dtype === 'bfloat16') return fromBfloat16(data as Uint16Array);
  if (dtype.startsWith('complex') || dtype.startsWith('float8')) {
    throw new U2SegError('unsupported', `toFloat32: a ${dtype} tensor has no float32 form here.`);
  }
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i += 1) out[i] = Number(data[i]!);
  return out;
}
