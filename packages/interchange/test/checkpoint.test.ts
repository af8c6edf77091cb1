import { U2SegError } from '@u2seg/core';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointDict,
  ForeignObject,
  dtypeFacts,
  floatDtypes,
  readSafetensors,
  readTorchCheckpoint,
  toFloat32,
  writeSafetensors,
  writeTorchCheckpoint,
  type NamedTensor,
  type TensorData,
  type TensorDtype,
} from '@u2seg/interchange';
import { pickle, pickledTensor, torchZip } from './pickle-assembler.ts';

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof U2SegError) return error.code;
    throw error;
  }
  return 'no error';
};

const anyTensor = fc
  .record({
    name: fc.string({ minLength: 1 }),
    dtype: fc.constantFrom(...(Object.keys(dtypeFacts) as TensorDtype[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    seed: fc.nat({ max: 255 }),
  })
  .map(({ name, dtype, shape, seed }): NamedTensor => {
    const { bytes, array } = dtypeFacts[dtype];
    const count = shape.reduce((product, size) => product * size, 1);
    const raw = Uint8Array.from({ length: count * bytes }, (_, i) => (seed + 7 * i) % 100);
    return { name, dtype, shape, data: new array(raw.buffer, 0, raw.length / array.BYTES_PER_ELEMENT) };
  });
const tensorLists = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 6 });
const sorted = (tensors: readonly NamedTensor[]): NamedTensor[] =>
  tensors
    .map(({ name, dtype, shape, data }) => ({ name, dtype, shape: [...shape], data }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

describe('safetensors', () => {
  it('reads back what it wrote, for any tensors', () => {
    fc.assert(
      fc.property(tensorLists, (all) => {
        const tensors = all.filter(({ dtype, name }) => dtype !== 'complex128' && name !== '__metadata__');
        const file = readSafetensors(writeSafetensors(tensors, { format: 'pt' }));
        expect(sorted(file.tensors)).toEqual(sorted(tensors));
        expect(file.metadata.get('format')).toBe('pt');
      }),
    );
  });

  it('writes the smallest file byte by byte', () => {
    const bytes = writeSafetensors([{ name: 'a', dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 2) }]);
    const header = '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}';
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + header.length))).toBe(header);
    expect([...bytes.subarray(-2)]).toEqual([1, 2]);
    expect((bytes.length - 2) % 8).toBe(0);
  });

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['a header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123, 125)],
    ['a huge header', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 123, 125)],
    ['a header that is no JSON', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 91, 123)],
    ['a header that is a list', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 91, 93)],
    ['bytes no tensor covers', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 123, 125, 0)],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => readSafetensors(bytes))).toBe('bad-format');
  });

  it('says what was wanted and what came', () => {
    const header = new TextEncoder().encode('{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}');
    const bytes = new Uint8Array(8 + header.length + 8);
    bytes[0] = header.length;
    bytes.set(header, 8);
    expect(() => readSafetensors(bytes, 'x.safetensors')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: readSafetensors: x.safetensors: tensor "w": float32 [3] takes 12 bytes; data_offsets [0, 8] of 8.]`,
    );
  });
});

describe('safetensors dtypes that are not read', () => {
  const file = (code: string, shape: readonly number[], end: number): Uint8Array => {
    const header = `{"q":{"dtype":"${code}","shape":${JSON.stringify(shape)},"data_offsets":[0,${end}]},"w":{"dtype":"U8","shape":[2],"data_offsets":[${end},${end + 2}]}}`;
    const bytes = new Uint8Array(8 + header.length + end + 2);
    bytes[0] = header.length;
    bytes.set(new TextEncoder().encode(header), 8);
    bytes.set([5, 6], bytes.length - 2);
    return bytes;
  };

  it.each([
    ['F4', [3, 2], 3],
    ['F6_E2M3', [4], 3],
    ['F6_E3M2', [2, 2], 3],
    ['F8_E8M0', [3], 3],
    ['F8_E4M3FNUZ', [3], 3],
    ['F8_E5M2FNUZ', [1, 3], 3],
  ])('%s is named, and the rest is read', (code, shape, end) => {
    const { tensors, unread } = readSafetensors(file(code, shape, end), 'a.safetensors');
    expect(unread).toEqual([{ name: 'q', dtype: code }]);
    expect(tensors.map(({ name, data }) => [name, ...data])).toEqual([['w', 5, 6]]);
    expect(codeOf(() => readSafetensors(file(code, [...shape, 2], end)))).toBe('bad-format');
  });

  it('no half byte, and no dtype the format lacks, is accepted', () => {
    expect(codeOf(() => readSafetensors(file('F4', [3], 2)))).toBe('bad-format');
    expect(() => readSafetensors(file('F3', [3], 2), 'a.safetensors')).toThrow(
      'a.safetensors: tensor "q": unknown dtype "F3"',
    );
  });

  it('C64 is read, two entries an element', () => {
    const { tensors } = readSafetensors(file('C64', [1], 8));
    expect([tensors[0]!.dtype, tensors[0]!.data.length]).toEqual(['complex64', 2]);
  });
});

describe('torch checkpoints', () => {
  it('reads back what it wrote, for any state dictionary', () => {
    fc.assert(
      fc.property(tensorLists, (all) => {
        const tensors = all.filter(({ dtype }) => !/^(?:uint(?:16|32|64)|float8)/u.test(dtype));
        const checkpoint = readTorchCheckpoint(writeTorchCheckpoint({ model: tensors }));
        const named = checkpoint.tensors.map((tensor) => ({ ...tensor, name: tensor.name.slice('model.'.length) }));
        expect(sorted(named)).toEqual(sorted(tensors));
      }),
    );
  });

  it('keeps plain values', () => {
    const root = {
      iteration: 90000,
      lr: 0.01,
      far: 2 ** 40,
      negative: -5,
      big: 2n ** 70n,
      yes: true,
      none: null,
      list: [1, 'a'],
    };
    const read = readTorchCheckpoint(writeTorchCheckpoint(root)).root as CheckpointDict;
    expect(Object.fromEntries(read)).toEqual(root);
  });

  it('honours strides, offsets and shared storage', () => {
    const storage = Float32Array.of(0, 1, 2, 3, 4, 5);
    const transposed = torchZip(pickledTensor({ elements: 6, offset: 0, shape: [3, 2], strides: [1, 3] }), [storage]);
    expect([...readTorchCheckpoint(transposed).tensors[0]!.data]).toEqual([0, 3, 1, 4, 2, 5]);
    const slice = torchZip(pickledTensor({ elements: 6, offset: 1, shape: [2], strides: [2] }), [storage]);
    expect([...readTorchCheckpoint(slice).tensors[0]!.data]).toEqual([1, 3]);
    const expanded = torchZip(pickledTensor({ elements: 6, offset: 5, shape: [2, 2], strides: [0, 0] }), [storage]);
    expect([...readTorchCheckpoint(expanded).tensors[0]!.data]).toEqual([5, 5, 5, 5]);
  });

  it.each([
    ['a view past its storage', { elements: 6, offset: 1, shape: [6], strides: [1] }],
    ['a negative offset', { elements: 6, offset: -1, shape: [1], strides: [1] }],
    ['a negative stride', { elements: 6, offset: 5, shape: [2], strides: [-1] }],
    ['a negative size', { elements: 6, offset: 0, shape: [-1], strides: [1] }],
    ['another number of strides', { elements: 6, offset: 0, shape: [2, 2], strides: [1] }],
    ['a storage of another size', { elements: 7, offset: 0, shape: [1], strides: [1] }],
    ['one value expanded to gigabytes', { elements: 6, offset: 0, shape: [40000, 40000], strides: [0, 0] }],
    [
      'more elements than can be counted',
      { elements: 6, offset: 0, shape: [2 ** 31 - 1, 2 ** 31 - 1, 4], strides: [0, 0, 0] },
    ],
  ])('refuses %s', (_, tensor) => {
    expect(codeOf(() => readTorchCheckpoint(torchZip(pickledTensor(tensor), [new Float32Array(6)])))).toBe(
      'bad-format',
    );
  });

  it('turns foreign calls into markers and runs nothing', () => {
    // os.system("touch pwned") by REDUCE, by INST and by STACK_GLOBAL + NEWOBJ
    const attacks = [
      pickle`cos\nsystem\n${'U'}${[11]}touch pwned${[0x85]}R.`,
      pickle`(${'U'}${[11]}touch pwnedios\nsystem\n.`,
      pickle`${[0x80, 4, 0x8c, 2]}os${[0x8c, 6]}system${[0x93, 0x8c, 11]}touch pwned${[0x85, 0x81]}.`,
    ];
    for (const bytes of attacks) {
      const checkpoint = readTorchCheckpoint(bytes);
      expect(checkpoint.root).toBeInstanceOf(ForeignObject);
      expect(checkpoint.foreignClasses).toEqual(['os.system']);
    }
    expect(readTorchCheckpoint(pickle`cbuiltins\neval\n${'U'}${[3]}1+1${[0x85]}R.`).root).toBeInstanceOf(ForeignObject);
  });

  it('keeps a dictionary key named __proto__ a key', () => {
    const read = readTorchCheckpoint(pickle`${[0x80, 2]}}${'U'}${[9]}__proto__K${[1]}s.`).root as CheckpointDict;
    expect(read.get('__proto__')).toBe(1);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  it('bounds the memory of a pickle made of containers', () => {
    const bytes = new Uint8Array(2_000_000).fill(0x7d);
    bytes[0] = 0x80;
    bytes[1] = 2;
    expect(codeOf(() => readTorchCheckpoint(bytes))).toBe('bad-format');
  });

  it('bounds the tree of a list that holds itself twice at every level', () => {
    // l = []; 40 times: l = [l, l]
    const levels = Array.from({ length: 40 }, () => pickle`${[0x32, 0x86]}`);
    const bytes = Uint8Array.from([0x80, 2, 0x5d, ...levels.flatMap((level) => [...level]), 0x2e]);
    expect(codeOf(() => readTorchCheckpoint(bytes))).toBe('bad-format');
    // a list that contains itself
    expect(codeOf(() => readTorchCheckpoint(pickle`${[0x80, 2]}]${[0x32]}a.`))).toBe('bad-format');
  });

  it('refuses a deflated record that claims more than deflate can hold', () => {
    const zip = zipSync({ 'archive/data.pkl': [new Uint8Array(50_000_000), { level: 9 }] });
    expect(codeOf(() => readTorchCheckpoint(zip))).toBe('bad-format');
  });

  it('reads a checkpoint somebody zipped again with compression', () => {
    const data = Float32Array.from({ length: 6 }, (_, i) => i);
    const object = pickledTensor({ elements: 6, offset: 0, shape: [6], strides: [1] });
    const zip = zipSync({ 'x/data.pkl': object, 'x/data/0': new Uint8Array(data.buffer) }, { level: 9 });
    expect([...readTorchCheckpoint(zip).tensors[0]!.data]).toEqual([...data]);
  });

  it('notices a flipped bit in the weights', () => {
    const bytes = writeTorchCheckpoint([
      { name: 'w', dtype: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) },
    ]);
    const at = Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer));
    bytes[at + 5]! ^= 1;
    expect(() => readTorchCheckpoint(bytes, 'w.pth')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: readTorchCheckpoint: w.pth: record "archive/data/0" fails its checksum.]`,
    );
  });
});

describe('toFloat32', () => {
  it('converts halves and bfloat16', () => {
    const half = { dtype: 'float16', shape: [4], data: Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00) } as const;
    expect([...toFloat32(half)]).toEqual([1, -2, 2 ** -24, Infinity]);
    expect([...toFloat32({ dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) })]).toEqual([1, -2]);
  });

  it.each(Object.keys(dtypeFacts) as TensorDtype[])('takes the value of %s, or names the dtype', (dtype) => {
    const { array, entries } = dtypeFacts[dtype];
    const bits = { float64: [-3], float32: [-3], float16: [0xc200], bfloat16: [0xc040] }[dtype as 'float32'];
    const zeros = new array(new ArrayBuffer(16), 0, entries);
    const data = bits === undefined ? zeros : (array as unknown as { of: (x: number) => TensorData }).of(bits[0]!);
    const tensor = { dtype, shape: [1], data };
    if (bits !== undefined) expect(toFloat32(tensor)).toEqual(Float32Array.of(-3));
    else
      expect(() => toFloat32(tensor, 'a.pth: w')).toThrow(`a.pth: w: wanted ${floatDtypes.join(', ')}, got ${dtype}.`);
  });

  it('refuses bits that do not fit the dtype', () => {
    const bits = { dtype: 'float32', shape: [1], data: Uint16Array.of(0x3c00) } as const;
    expect(() => toFloat32(bits, 'a.pth: w')).toThrow(
      'a.pth: w: a float32 tensor needs Float32Array, got Uint16Array.',
    );
  });
});
