import { U2SegError } from '@u2seg/core';
import type { MemoryBudget } from './memory-budget.ts';
import {
  dtypeFacts,
  elementCount,
  viewElements,
  type DenseTensor,
  type TensorData,
  type TensorDtype,
} from './named-tensor.ts';

/** What a checkpoint can contain: plain values, containers, tensors, and markers where a foreign class stood. */
export type CheckpointValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StoredTensor
  | ForeignObject
  | CheckpointValue[]
  | CheckpointSet
  | CheckpointDict;

/** A dictionary, ordered as stored; keys are usually strings or numbers. */
export class CheckpointDict extends Map<CheckpointValue, CheckpointValue> {}

export class CheckpointSet extends Set<CheckpointValue> {}

/** Stands where the file held an instance of, or a reference to, a class outside the closed list. Its contents are dropped. */
export class ForeignObject {
  /** For example `argparse.Namespace`. */
  readonly className: string;

  constructor(className: string) {
    this.className = className;
  }
}

/** A block of elements that tensors are views of. */
export interface TensorStorage {
  /** For example `record data/17`. */
  readonly label: string;
  /** Little-endian bytes; undefined until the file's storage section was read. */
  bytes: Uint8Array | undefined;
}

/** Where a tensor's elements lie in its storage; sizes and strides count elements. */
export interface TensorLayout {
  readonly storage: TensorStorage;
  readonly dtype: TensorDtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * A tensor of a checkpoint. Contiguous ones are views into the file's bytes, others copies in row-major order.
 */
export class StoredTensor implements DenseTensor {
  #layout: TensorLayout | undefined;
  #data: TensorData | undefined;
  #unread: string | undefined;

  constructor(layout?: TensorLayout) {
    this.#layout = layout;
  }

  get dtype(): TensorDtype {
    return this.#known().dtype;
  }

  get shape(): readonly number[] {
    return this.#known().shape;
  }

  get data(): TensorData {
    if (this.#data === undefined) throw new U2SegError('bad-format', 'checkpoint tensor: its storage was not read.');
    return this.#data;
  }

  /** Sets the layout of an array that pickle creates empty and fills later, as numpy's. */
  define(layout: TensorLayout): void {
    this.#layout = layout;
  }

  /** Marks a tensor whose elements are of a type that is not read, under the file's name for it. */
  skip(dtype: string): void {
    this.#unread = dtype;
  }

  /** The file's name for the type of elements that were skipped; undefined for a tensor that is read. */
  get unread(): string | undefined {
    return this.#unread;
  }

  /**
   * Gathers the elements.
   *
   * @throws U2SegError `bad-format` if the view leaves its storage
   */
  materialize(where: string, budget: MemoryBudget): void {
    if (this.#unread !== undefined) return;
    if (this.#layout === undefined) {
      throw new U2SegError('bad-format', `${where}: an array is created but never filled.`);
    }
    this.#data = gather(where, this.#layout, budget);
  }

  #known(): TensorLayout {
    if (this.#layout === undefined) throw new U2SegError('bad-format', 'checkpoint tensor: an array without a layout.');
    return this.#layout;
  }
}

/** Elements of a strided view, in row-major order. */
function gather(where: string, layout: TensorLayout, budget: MemoryBudget): TensorData {
  const { storage, dtype, offset, shape, strides } = layout;
  const place = `${where}: tensor [${shape.join(', ')}] of ${dtype} in ${storage.label}`;
  if (storage.bytes === undefined) throw new U2SegError('bad-format', `${place}: the file lacks its storage.`);
  if (strides.length !== shape.length) {
    throw new U2SegError('bad-format', `${place}: needs ${shape.length} strides, got ${strides.length}.`);
  }
  const count = elementCount(place, shape);
  const { bytes: width, entries, array } = dtypeFacts[dtype];
  if (count === 0) return viewElements(dtype, new Uint8Array(0));
  let last = offset;
  for (const [i, size] of shape.entries()) {
    const stride = strides[i]!;
    if (!Number.isSafeInteger(stride) || stride < 0) {
      throw new U2SegError('bad-format', `${place}: strides must be integers >= 0, got [${strides.join(', ')}].`);
    }
    last += (size - 1) * stride;
  }
  const stored = Math.floor(storage.bytes.byteLength / width);
  if (!Number.isSafeInteger(offset) || offset < 0 || !(last < stored)) {
    throw new U2SegError(
      'bad-format',
      `${place}: offset ${offset}, strides [${strides.join(', ')}] reach element ${last} of ${stored}.`,
    );
  }
  if (isContiguous(shape, strides)) {
    const bytes = storage.bytes.subarray(offset * width, (offset + count) * width);
    if (bytes.byteOffset % array.BYTES_PER_ELEMENT !== 0) budget.take(bytes.byteLength, 'an unaligned tensor');
    return viewElements(dtype, bytes);
  }
  budget.take(count * width, 'a strided tensor');
  const source = viewElements(dtype, storage.bytes.subarray(0, stored * width));
  const out = viewElements(dtype, new Uint8Array(count * width));
  const position = Array.from(shape, () => 0);
  let from = offset;
  for (let i = 0; i < count; i += 1) {
    for (let e = 0; e < entries; e += 1) out[i * entries + e] = source[from * entries + e]!;
    for (let d = shape.length - 1; d >= 0; d -= 1) {
      position[d]! += 1;
      from += strides[d]!;
      if (position[d]! < shape[d]!) break;
      from -= position[d]! * strides[d]!;
      position[d] = 0;
    }
  }
  return out;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d -= 1) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** Strides of a row-major (or, for Fortran order, column-major) array. */
export function denseStrides(shape: readonly number[], fortranOrder: boolean): number[] {
  const strides = Array.from(shape, () => 1);
  let product = 1;
  for (let i = 0; i < shape.length; i += 1) {
    const d = fortranOrder ? i : shape.length - 1 - i;
    strides[d] = product;
    product *= shape[d]!;
  }
  return strides;
}
