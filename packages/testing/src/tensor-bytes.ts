/** A tensor as checkpoints hold it. */
export interface TensorLike {
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

/** A tensor's bytes: comparing those takes milliseconds, comparing element by element half a minute. */
export function bytesOf(tensor: TensorLike | undefined): Buffer {
  const { buffer, byteOffset, byteLength } = tensor!.data as Uint8Array;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Names and bytes of a whole checkpoint. */
export function checkpointBytes(tensors: ReadonlyMap<string, TensorLike>): Buffer {
  return Buffer.concat([...tensors].flatMap(([name, tensor]) => [Buffer.from(name), bytesOf(tensor)]));
}
