import { zipSync } from 'fflate';

/** Bytes of a pickle written as text with byte lists in between; `\n` is a line feed. */
export function pickle(parts: TemplateStringsArray, ...values: readonly (string | readonly number[])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [i, part] of parts.entries()) {
    bytes.push(...Buffer.from(part, 'latin1'));
    const value = values[i];
    if (value !== undefined) bytes.push(...(typeof value === 'string' ? Buffer.from(value, 'latin1') : value));
  }
  return Uint8Array.from(bytes);
}

const int32 = (value: number): number[] => [0x4a, ...new Uint8Array(Int32Array.of(value).buffer)];
const tuple = (values: readonly number[]): number[] => [0x28, ...values.flatMap(int32), 0x74];

/** Pickle of one float32 tensor over storage `0`. */
export function pickledTensor(tensor: {
  readonly elements: number;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}): Uint8Array {
  const { elements, offset, shape, strides } = tensor;
  return pickle`${[0x80, 2]}ctorch._utils\n_rebuild_tensor_v2\n((${'U'}${[7]}storagectorch\nFloatStorage\n${'U'}${[1]}0${'U'}${[3]}cpu${int32(elements)}tQ${int32(offset)}${tuple(shape)}${tuple(strides)}${[0x89]}NtR.`;
}

/** Zip in torch's layout around a pickle and its storages. */
export function torchZip(object: Uint8Array, storages: readonly Float32Array[]): Uint8Array {
  const files = storages.map((storage, i) => [`archive/data/${i}`, new Uint8Array(storage.buffer)] as const);
  return zipSync({ 'archive/data.pkl': object, ...Object.fromEntries(files) }, { level: 0 });
}
