import { findNetwork, splitPart, type NamedTensor } from '@u2seg/interchange';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const own = ['conv1.weight', 'layer1.0.conv1.weight', 'fc.bias'];
const tensor = (name: string): NamedTensor => ({ name, dtype: 'float32', shape: [1], data: Float32Array.of(1) });
const under = (prefix: string): NamedTensor[] => own.map((name) => tensor(prefix + name));
const find = (tensors: readonly NamedTensor[], part?: string): ReturnType<typeof findNetwork> =>
  findNetwork('a.pth', tensors, {
    isKey: (name) => name === 'conv1.weight',
    wrappers: ['backbone'],
    part,
    hint: 'write --weights a.pth#<name>',
  });

const words = [
  'state_dict',
  'model',
  'net',
  'module',
  '_orig_mod',
  '_fsdp_wrapped_module',
  'backbone',
  'ema_state',
  'ema_state_dict',
  'model_ema',
  'student',
  'teacher',
];

describe('findNetwork', () => {
  it('finds a network in wrappers of any nesting', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 5 }), (nesting) => {
        const prefix = nesting.map((word) => `${word}.`).join('');
        const found = find([...under(prefix), tensor('optimizer.state.0.exp_avg'), tensor('head.weight')]);
        expect(found!.part).toBe(nesting.join('.'));
        for (const name of own) expect(found!.tensors.get(name)!.name).toBe(prefix + name);
      }),
    );
  });

  it('takes off what torch puts around a part of a network', () => {
    const names = ['net.conv1.weight', 'net.layer1._fsdp_wrapped_module.0._checkpoint_wrapped_module.conv1.weight'];
    expect([...find(names.map(tensor))!.tensors.keys()]).toEqual(own.slice(0, 2));
  });

  it.each([
    ['model.', 'model_ema.'],
    ['model.', 'ema_state.'],
    ['state_dict.', 'ema_state_dict.module.'],
    ['', 'net.'],
    ['state_dict.net.', 'state_dict._orig_mod.net.'],
  ])('asks which of %j and %j is meant, and takes what is named', (a, b) => {
    const both = [...under(a), ...under(b)];
    const [first, second] = [a.replace(/\.$/u, ''), b.replace(/\.$/u, '')];
    expect(() => find(both)).toThrow(
      `a.pth: wanted one network, got 2: "${first}", "${second}"; name one: write --weights a.pth#<name>.`,
    );
    for (const [part, prefix] of [
      [first, a],
      [second, b],
    ] as const)
      expect(find(both, part)!.tensors.get('fc.bias')!.name).toBe(`${prefix}fc.bias`);
    expect(() => find(both, 'teacher')).toThrow(`a.pth: wanted the network "teacher", got "${first}", "${second}".`);
  });

  it.each([
    ['teacher.backbone.', 'student.module.backbone.'],
    ['state_dict.teacher.net.', 'state_dict.student.net.'],
    ['state_dict.model.', 'state_dict.teacher_model.model.'],
  ])('takes %s beside %s', (a, b) => {
    expect(`${find([...under(b), ...under(a)])!.part}.`).toBe(a);
    expect(`${find([...under(b), ...under(a)], b.replace(/\.$/u, ''))!.part}.`).toBe(b);
  });

  it('refuses two tensors of one name', () => {
    const twice = ['conv1.weight', 'layer1.module.w', 'layer1.w'].map(tensor);
    expect(() => find(twice)).toThrow('a.pth: "layer1.module.w" and "layer1.w" are both "layer1.w".');
  });

  it('finds nothing where no network is', () => {
    expect(find([tensor('a'), tensor('module.b')])).toBeUndefined();
    expect(find([])).toBeUndefined();
  });
});

it('splits a part from the path of a file', () => {
  expect(splitPart('a.pth#ema', false)).toEqual({ file: 'a.pth', part: 'ema' });
  expect(splitPart('a#b/c.pth', false)).toEqual({ file: 'a#b/c.pth', part: undefined });
  expect(splitPart('a.pth#1', true)).toEqual({ file: 'a.pth#1', part: undefined });
});
