/** A dense float or integer tensor that crosses an inference runtime's boundary. */
export interface HostTensor {
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
  /** Row-major, outermost first. */
  readonly shape: readonly number[];
  /** ONNX element type. `float16` travels as raw bits in a Uint16Array, `bool` as a Uint8Array. */
  readonly type: 'float32' | 'int32' | 'int64' | 'uint8' | 'float16' | 'bool';
}

/**
 * A loaded inference graph. `@u2seg/backbone` implements it with onnxruntime-node; packages that only need to run a
 * graph take one as an argument and stay free of the runtime.
 */
export interface TensorSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, HostTensor>>): Promise<Readonly<Record<string, HostTensor>>>;
  dispose(): Promise<void>;
}
