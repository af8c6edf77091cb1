import { OnnxGraphBuilder } from '@u2seg/interchange';
import { createOnnxSession } from '../onnx-session.ts';

/**
 * How the right operands of 8-bit products (weights, keys) are stored; the left ones are bytes. Both hold the same integers, so an
 * exact product is the same number either way.
 *
 * - `u8s8`: signed. The fastest kernels where the processor adds four products at once (VNNI, AMX). Without these instructions
 *   onnxruntime adds two products in 16 bits, which saturate: 255 * 127 * 2 is beyond 32,767, and sums come out wrong by any amount.
 * - `u8u8`: bytes, {@link unsignedZero} for zero. Exact on every processor.
 */
export type IntegerProduct = 'u8s8' | 'u8u8';

/** The byte that stands for zero. */
export const unsignedZero = 128;

let fastest: Promise<IntegerProduct> | undefined;

/** The faster kind of product that is exact on this processor; found once per process by {@link productsSaturate}. */
export function exactIntegerProduct(): Promise<IntegerProduct> {
  fastest ??= productsSaturate().then(
    (saturate) => (saturate ? 'u8u8' : 'u8s8'),
    (error: unknown) => {
      fastest = undefined;
      throw error;
    },
  );
  return fastest;
}

/**
 * Whether the runtime's `u8s8` product of the largest operands, one row and several, differs from the exact sum.
 *
 * @throws U2SegError `unavailable` when onnxruntime-node cannot be loaded
 */
export async function productsSaturate(product: IntegerProduct = 'u8s8'): Promise<boolean> {
  const zero = product === 'u8u8' ? unsignedZero : 0;
  const integers = (values: number[]): Uint8Array | Int8Array =>
    product === 'u8u8' ? Uint8Array.from(values) : Int8Array.from(values);
  const dtype = product === 'u8u8' ? 'uint8' : 'int8';
  const graph = new OnnxGraphBuilder({ name: 'probe' });
  // Columns of 127 and of -127: too large and too small for 16 bits.
  const data = integers(Array.from({ length: inner * columns }, (_, i) => zero + (i % 2 === 0 ? largest : -largest)));
  const weights = graph.initializer('weights', { dtype, shape: [inner, columns], data });
  const weightZero = graph.initializer('zero', { dtype, shape: [], data: integers([zero]) });
  const left = graph.input('left', 'uint8', ['rows', inner]);
  const leftZero = graph.initializer('leftZero', { dtype: 'uint8', shape: [], data: Uint8Array.of(0) });
  graph.output('sums', graph.node('MatMulInteger', [left, weights, leftZero, weightZero]), 'int32', ['rows', columns]);
  const session = await createOnnxSession(graph.build(), { threads: 1, source: 'probe of 8-bit products' });
  try {
    for (const rows of [1, 5]) {
      const bytes = new Uint8Array(rows * inner).fill(255);
      const { sums } = await session.run({ left: { data: bytes, shape: [rows, inner], type: 'uint8' } });
      const exact = inner * 255 * largest;
      const right = (sums!.data as Int32Array).every((sum, i) => sum === (i % 2 === 0 ? exact : -exact));
      if (!right) return true;
    }
    return false;
  } finally {
    await session.dispose();
  }
}

const largest = 127;
const inner = 64;
/** Even, so that a column has one sign. */
const columns = 32;
