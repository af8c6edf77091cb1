import type { TensorDtype } from '../checkpoint/named-tensor.ts';

/** `TensorProto.DataType` codes of the dtypes we use. */
export const onnxTypeCodes: Readonly<Record<TensorDtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8_e4m3fn: 17,
  float8_e5m2: 19,
};

const dtypes = new Map(Object.entries(onnxTypeCodes).map(([dtype, code]) => [code, dtype as TensorDtype]));

/** Dtype of an ONNX code; undefined for strings and types newer than this reader. */
export function onnxDtype(code: number): TensorDtype | undefined {
  return dtypes.get(code);
}

/** One size of a value: a number, a name for a size known only at run time, or null where nothing is said. */
export type OnnxDimension = number | string | null;

/** Input or output of a graph. */
export interface OnnxValueInfo {
  readonly name: string;
  /** Undefined for a value that is no tensor, or of a type this reader does not know. */
  readonly dtype: TensorDtype | undefined;
  /** Undefined where the file does not say. */
  readonly shape: readonly OnnxDimension[] | undefined;
}
