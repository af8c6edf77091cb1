/** A tensor, as far as the engine looks. */
export interface TfTensor {
  data(): Promise<Float32Array | Int32Array | Uint8Array>;
  dispose(): void;
}

/** The part of `@tensorflow/tfjs-core` the engine uses; pass the module itself, with its backend set. */
export interface TfModule {
  tensor2d(values: Float32Array, shape: [number, number]): TfTensor;
  tensor1d(values: Float32Array | Int32Array, dtype?: 'float32' | 'int32'): TfTensor;
  scalar(value: number, dtype: 'int32'): TfTensor;
  ones(shape: [number, number]): TfTensor;
  max(x: TfTensor, axis: number, keepDims: boolean): TfTensor;
  sum(x: TfTensor, axis: number): TfTensor;
  square(x: TfTensor): TfTensor;
  clone(x: TfTensor): TfTensor;
  abs(x: TfTensor): TfTensor;
  transpose(x: TfTensor): TfTensor;
  concat(parts: TfTensor[], axis: number): TfTensor;
  gather(x: TfTensor, rows: TfTensor): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  where(condition: TfTensor, a: TfTensor, b: TfTensor): TfTensor;
  greaterEqual(a: TfTensor, b: TfTensor): TfTensor;
  readonly fused: {
    matMul(args: { a: TfTensor; b: TfTensor; transposeA: boolean; transposeB: boolean; bias: TfTensor }): TfTensor;
  };
  tidy<T>(work: () => T): T;
  /** The current backend, whatever it is. */
  backend(): unknown;
}

/** Copies a tensor's values out and frees it. */
export async function take(tensor: TfTensor): Promise<Float32Array | Int32Array | Uint8Array> {
  const values = await tensor.data();
  tensor.dispose();
  return values;
}
