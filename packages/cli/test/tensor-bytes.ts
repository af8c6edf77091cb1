import type { CheckpointTensor } from '@u2seg/heads';

/** A tensor's bytes: comparing those takes milliseconds, comparing element by element half a minute. */
export function bytesOf(tensor: Pick<CheckpointTensor, 'data'> | undefined): Buffer {
  const { buffer, byteOffset, byteLength } = tensor!.data as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Names and bytes of a whole checkpoint. */
export function checkpointBytes(tensors: ReadonlyMap<string, Pick<CheckpointTensor, 'data'>>): Buffer {
  return Buffer.concat([...tensors].flatMap(([name, tensor]) => [Buffer.from(name), bytesOf(tensor)]));
}
