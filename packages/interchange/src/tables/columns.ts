/** The column kinds of our tables, each with its Arrow type, its encoder and its decoder. */
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  Uint16,
  Uint32,
  Uint8,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { U2SegError } from '@u2seg/core';
import { decodeFloat16, encodeFloat16 } from './float16.ts';

/** How one column is stored; `Value` is what a row holds in memory. */
export interface Column<Value> {
  readonly type: DataType;
  /** What the column means, with unit and range; goes into the field's metadata. */
  readonly description: string;
  readonly encode: (values: readonly Value[], where: string) => Data;
  /** Values of one record batch's column. */
  readonly decode: (data: Data, where: string) => Value[];
}

export type ColumnValue<C> = C extends Column<infer Value> ? Value : never;

const integerTypes = { uint8: Uint8, uint16: Uint16, uint32: Uint32, int32: Int32 } as const;
const integerRanges = {
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
} as const;
const integerArrays = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int32: Int32Array } as const;

/** Whole numbers of a fixed width. */
export function integer(width: 'uint8' | 'uint16' | 'uint32' | 'int32', description: string): Column<number> {
  const type = new integerTypes[width]();
  const [min, max] = integerRanges[width];
  return {
    type,
    description,
    encode: (values, where) => {
      for (const value of values) {
        if (!Number.isInteger(value) || value < min || value > max) {
          throw new U2SegError('out-of-range', `${where} must be an integer in [${min}, ${max}], got ${value}.`);
        }
      }
      return makeData({ type, length: values.length, nullCount: 0, data: integerArrays[width].from(values) } as never);
    },
    decode: (data) => Array.from((data.values as Uint32Array).subarray(0, data.length)),
  };
}

/** Real numbers of a fixed width; NaN and infinity pass. */
export function real(width: 'float32' | 'float64', description: string): Column<number> {
  const type = width === 'float32' ? new Float32() : new Float64();
  const array = width === 'float32' ? Float32Array : Float64Array;
  return {
    type,
    description,
    encode: (values) => makeData({ type, length: values.length, nullCount: 0, data: array.from(values) } as never),
    decode: (data) => Array.from((data.values as Float64Array).subarray(0, data.length)),
  };
}

/** Text. */
export function text(description: string): Column<string> {
  return viaVector(new Utf8(), description);
}

/** True or false. */
export function flag(description: string): Column<boolean> {
  return viaVector(new Bool(), description);
}

/** Bytes. */
export function bytes(description: string): Column<Uint8Array> {
  return viaVector(new Binary(), description);
}

function viaVector<Value>(type: DataType, description: string): Column<Value> {
  return {
    type,
    description,
    encode: (values, where) => {
      for (const value of values) {
        if (value === null || value === undefined) throw new U2SegError('bad-format', `${where} must not be empty.`);
      }
      return values.length === 0
        ? (makeData({ type, length: 0 } as never) as Data)
        : vectorFromArray(values as never, type).data[0]!;
    },
    decode: (data, where) => {
      const vector = new VectorOf(data);
      return vector.values<Value>(where);
    },
  };
}

/** `[size]` numbers in every row, for example a box or an embedding. */
export function vector(size: number, width: 'float16' | 'float32', description: string): Column<Float32Array> {
  const item = width === 'float16' ? new Float16() : new Float32();
  const type = new FixedSizeList(size, new Field('item', item, false));
  return {
    type,
    description,
    encode: (values, where) => fixedListData(type, flatten(values, size, where), values.length, width),
    decode: (data, where) => {
      const flat = fixedListValues(data, where);
      return Array.from({ length: data.length }, (_, row) => flat.slice(row * size, (row + 1) * size));
    },
  };
}

/** A matrix `[rows, size]` in every row, rows varying: List of FixedSizeList. Held flat, row-major. */
export function matrix(size: number, width: 'float16' | 'float32', description: string): Column<Float32Array> {
  const item = width === 'float16' ? new Float16() : new Float32();
  const inner = new FixedSizeList(size, new Field('item', item, false));
  const type = new List(new Field('item', inner, false));
  return {
    type,
    description,
    encode: (values, where) => {
      const offsets = new Int32Array(values.length + 1);
      values.forEach((value, row) => {
        if (value.length % size !== 0)
          throw new U2SegError(
            'shape-mismatch',
            `${where} must hold whole rows of ${size} values, got ${value.length} values.`,
          );
        offsets[row + 1] = offsets[row]! + value.length / size;
      });
      const flat = new Float32Array(offsets[values.length]! * size);
      values.forEach((value, row) => flat.set(value, offsets[row]! * size));
      const child = fixedListData(inner, flat, offsets[values.length]!, width);
      return makeData({ type, length: values.length, nullCount: 0, valueOffsets: offsets, child } as never);
    },
    decode: (data, where) => {
      const child = data.children[0];
      const offsets = data.valueOffsets as Int32Array | undefined;
      if (child === undefined || offsets === undefined || offsets.length < data.length + 1)
        throw new U2SegError('bad-format', `${where} has no list offsets.`);
      const flat = fixedListValues(child as Data, where);
      return Array.from({ length: data.length }, (_, row) => {
        const [start, end] = [offsets[row]! * size, offsets[row + 1]! * size];
        if (start < 0 || end < start || end > flat.length)
          throw new U2SegError(
            'bad-format',
            `${where}: list offsets ${start}..${end} lie outside ${flat.length} values.`,
          );
        return flat.slice(start, end);
      });
    },
  };
}

function flatten(values: readonly Float32Array[], size: number, where: string): Float32Array {
  const flat = new Float32Array(values.length * size);
  values.forEach((value, row) => {
    if (value.length !== size)
      throw new U2SegError('shape-mismatch', `${where} must be [${size}], got ${value.length} values in row ${row}.`);
    flat.set(value, row * size);
  });
  return flat;
}

function fixedListData(type: FixedSizeList, flat: Float32Array, length: number, width: 'float16' | 'float32'): Data {
  const item = type.children[0]!.type;
  const data = width === 'float16' ? encodeFloat16(flat) : flat;
  const child = makeData({ type: item, length: flat.length, nullCount: 0, data } as never);
  return makeData({ type, length, nullCount: 0, child } as never);
}

function fixedListValues(data: Data, where: string): Float32Array {
  const size = (data.type as FixedSizeList).listSize;
  const child = data.children[0];
  const values = child?.values as Float32Array | Uint16Array | undefined;
  if (values === undefined || values.length < data.length * size) {
    throw new U2SegError(
      'bad-format',
      `${where} holds ${values?.length ?? 0} values, ${data.length * size} were declared.`,
    );
  }
  const used = values.subarray(0, data.length * size);
  return used instanceof Uint16Array ? decodeFloat16(used) : Float32Array.from(used);
}

/** Reads text, bytes and flags by their buffers' own offsets, with bounds checked. */
class VectorOf {
  readonly #data: Data;

  constructor(data: Data) {
    this.#data = data;
  }

  values<Value>(where: string): Value[] {
    const data = this.#data;
    if (data.type instanceof Bool) {
      const bits = data.values as Uint8Array;
      if (bits.length * 8 < data.offset + data.length)
        throw new U2SegError('bad-format', `${where} is shorter than its ${data.length} rows.`);
      return Array.from({ length: data.length }, (_, i) => {
        const at = data.offset + i;
        return ((bits[at >> 3]! >> (at & 7)) & 1) === 1;
      }) as Value[];
    }
    const offsets = data.valueOffsets as Int32Array | undefined;
    const values = data.values as Uint8Array | undefined;
    if (data.length === 0) return [];
    if (offsets === undefined || values === undefined || offsets.length < data.length + 1)
      throw new U2SegError('bad-format', `${where} has no value offsets.`);
    const decoder = data.type instanceof Utf8 ? new TextDecoder('utf-8', { fatal: true }) : undefined;
    return Array.from({ length: data.length }, (_, i) => {
      const [start, end] = [offsets[i]!, offsets[i + 1]!];
      if (start < 0 || end < start || end > values.length)
        throw new U2SegError('bad-format', `${where}: offsets ${start}..${end} lie outside ${values.length} bytes.`);
      const slice = values.subarray(start, end);
      return decoder === undefined ? slice.slice() : decoder.decode(slice);
    }) as Value[];
  }
}
