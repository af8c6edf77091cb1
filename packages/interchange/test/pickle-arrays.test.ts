import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readTorchCheckpoint, toFloat32, type TorchCheckpoint } from '@u2seg/interchange';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickle, torchZip } from './pickle-assembler.ts';

/** Pickles that numpy 2.5.5 and ml_dtypes 0.6.0 wrote. */
const read = (name: string): TorchCheckpoint =>
  readTorchCheckpoint(readFileSync(fileURLToPath(new URL(`pickles/${name}`, import.meta.url))), name);
const arrays = (name: string): unknown[] =>
  read(name).tensors.map((tensor) => [tensor.name, tensor.shape, [...toFloat32(tensor)]]);

/** Row-major values and shape of `arange(n).reshape(shape).transpose(axes)`. */
function transposed(shape: readonly number[], axes: readonly number[]): { shape: number[]; values: number[] } {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((product, size) => product * size, 1));
  let values = [0];
  for (const axis of axes)
    values = values.flatMap((from) => Array.from({ length: shape[axis]! }, (_, i) => from + i * strides[axis]!));
  return { shape: axes.map((axis) => shape[axis]!), values };
}

const bytes = (values: Uint8Array): number[] => [
  0x96,
  ...new Uint8Array(BigUint64Array.of(BigInt(values.length)).buffer),
  ...values,
];
const text = (value: string): number[] => [0x8c, value.length, ...Buffer.from(value)];
const tuple = (values: readonly number[]): number[] => [0x28, ...values.flatMap((value) => [0x4b, value]), 0x74];
const axisOrder = (axes: readonly number[]): number[] => tuple(axes);
const none = [0x4e];

/** What numpy writes in protocol 5: `_frombuffer(buffer, dtype, shape, order, axis order)`. */
function frombuffer(shape: readonly number[], order: string, axes: readonly number[]): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = new Uint8Array(Int16Array.from({ length: count }, (_, i) => i).buffer);
  return pickle`${[0x80, 5]}${text('numpy._core.numeric')}${text('_frombuffer')}${[0x93]}(${bytes(data)}cnumpy\ndtype\n${text('i2')}${[0x85]}R${tuple(shape)}${text(order)}${axes}tR.`;
}

describe('arrays that numpy pickled with their axes in another order', () => {
  it('come out of protocol 5 as out of protocol 4', () => {
    expect(arrays('perm5.pkl')).toEqual(arrays('perm4.pkl'));
    expect(read('perm5.pkl').tensors[0]!.shape).toEqual([5, 4, 2, 3]);
    expect(Array.from(read('perm5.pkl').tensors[0]!.data as Float32Array).slice(0, 8)).toEqual([
      0, 20, 40, 60, 80, 100, 5, 25,
    ]);
  });

  it.each([
    ['perm5b.pkl', [2, 3, 4]],
    ['perm5sq.pkl', [2, 2, 6]],
  ])('%s', (name, shape) => {
    const wanted = transposed(shape, [1, 0, 2]);
    expect(arrays(name)).toEqual([['model.w', wanted.shape, wanted.values]]);
  });

  it('are what numpy makes of any shape and axis order', () => {
    const cases = fc.array(fc.nat({ max: 4 }), { maxLength: 5 }).chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        axes: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ shape, axes }) => {
        const wanted = transposed(shape, axes);
        const [tensor] = readTorchCheckpoint(frombuffer(shape, 'K', axisOrder(axes))).tensors;
        expect({ shape: tensor!.shape, values: [...tensor!.data] }).toEqual(wanted);
        const reversed = [...shape.keys()].reverse();
        const [fortran] = readTorchCheckpoint(frombuffer(shape, 'F', none)).tensors;
        const [rows] = readTorchCheckpoint(frombuffer(shape, 'C', none)).tensors;
        expect([...rows!.data]).toEqual([...rows!.data.keys()]);
        expect([...fortran!.data]).toEqual(transposed([...shape].reverse(), reversed).values);
      }),
    );
  });

  it.each([
    ['an axis that is not there', 'K', axisOrder([0, 3])],
    ['an axis twice', 'K', axisOrder([1, 1])],
    ['too few axes', 'K', axisOrder([0])],
    ['no axes in order K', 'K', none],
    ['an unknown order', 'A', none],
  ])('are refused with %s', (_, order, axes) => {
    expect(() => readTorchCheckpoint(frombuffer([2, 3], order, axes), 'x.pkl')).toThrow(/x\.pkl: a numpy buffer/u);
  });
});

describe('other arrays of numpy', () => {
  it('are read reversed', () => {
    expect(arrays('neg5.pkl')).toEqual([
      ['model.e', [3], [2, 1, 0]],
      ['model.a', [2], [1, 1]],
    ]);
  });

  it('are read in bfloat16', () => {
    expect(arrays('bf16.pkl')).toEqual([
      ['model.b', [3], [1, 2, 3]],
      ['model.a', [2], [1, 1]],
    ]);
  });

  it('are refused in the other byte order', () => {
    expect(() => read('big.pkl')).toThrow('big.pkl: a big-endian numpy array');
  });

  it.each([
    ['of a type another package adds', 'ml_dtypes', 'int4', 'ml_dtypes.int4'],
    ['of a type this reader never heard of', 'quaternion', 'quaternion', 'quaternion.quaternion'],
  ])('%s are named, and the rest is read', (_, module, name, wanted) => {
    const array = (dtype: number[]): Uint8Array =>
      pickle`${text('numpy._core.numeric')}${text('_frombuffer')}${[0x93]}(${bytes(Uint8Array.of(1, 2))}cnumpy\ndtype\n${dtype}${[0x85]}R${tuple([2])}${text('C')}tR`;
    const foreign = array([0x63, ...Buffer.from(`${module}\n${name}\n`)]);
    const file = pickle`${[0x80, 5]}}(${text('q')}${[...foreign]}${text('w')}${[...array(text('u1'))]}u.`;
    const { tensors, unread, foreignClasses } = readTorchCheckpoint(file);
    expect(tensors.map(({ name: key }) => key)).toEqual(['w']);
    expect(unread).toEqual([{ name: 'q', dtype: wanted }]);
    expect(foreignClasses).toEqual([wanted]);
  });
});

it('names a torch tensor of a dtype that is not read, and reads the rest', () => {
  const untyped = `(X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x08tQ`;
  const tensor = (dtype: string): string =>
    `ctorch._utils\n_rebuild_tensor_v3\n(${untyped}K\0(K\x02t(K\x01t\x89Nctorch\n${dtype}\ntR`;
  const object = pickle`${[0x80, 2]}}(${text('q')}${tensor('float8_e5m2fnuz')}${text('w')}${tensor('uint32')}u.`;
  const { tensors, unread } = readTorchCheckpoint(torchZip(object, [Float32Array.of(0, 0)]));
  expect(tensors.map(({ name, dtype }) => [name, dtype])).toEqual([['w', 'uint32']]);
  expect(unread).toEqual([{ name: 'q', dtype: 'torch.float8_e5m2fnuz' }]);
});
