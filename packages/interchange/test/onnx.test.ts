import { U2SegError } from '@u2seg/core';
import { microsoftDomain, onnxFloat, OnnxGraphBuilder, readOnnxModel, writeSafetensors } from '@u2seg/interchange';
import { describe, expect, it } from 'vitest';

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof U2SegError) return error.code;
    throw error;
  }
  return 'no error';
};

/** y = x w, normalised, with a condition, so that every kind of attribute occurs. */
function exampleGraph(): OnnxGraphBuilder {
  const graph = new OnnxGraphBuilder({ name: 'example', metadata: { license: 'Apache-2.0' } });
  const x = graph.input('x', 'float32', ['batch', 3]);
  const w = graph.initializer('w', { dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const product = graph.node('MatMul', [x, w]);
  const scale = graph.initializer('scale', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 1) });
  const normal = graph.node('LayerNormalization', [product, scale], { axis: -1, epsilon: onnxFloat(1e-6) });
  const [left, right] = graph.nodeOutputs('Split', [normal, graph.ints([1, 1])], 2, { axis: 1 });
  const gelu = graph.node('Gelu', [left!], {}, microsoftDomain);
  const branch = new OnnxGraphBuilder({ name: 'then' }, graph);
  branch.output('then_y', branch.node('Add', [gelu, right!]), 'float32', ['batch', 1]);
  const other = new OnnxGraphBuilder({ name: 'else' }, graph);
  other.output('else_y', other.node('Sub', [gelu, right!]), 'float32', ['batch', 1]);
  const yes = graph.initializer('yes', { dtype: 'bool', shape: [], data: Uint8Array.of(1) });
  const y = graph.node('If', [yes], { then_branch: branch, else_branch: other });
  graph.output('y', y, 'float32', ['batch', 1]);
  graph.output('product', product, 'float32', ['batch', 2]);
  return graph;
}

describe('OnnxGraphBuilder', () => {
  it('writes what the reader reads', () => {
    const model = readOnnxModel(exampleGraph().build());
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['batch', 3] }]);
    expect(model.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['y', ['batch', 1]],
      ['product', ['batch', 2]],
    ]);
    expect(Object.fromEntries(model.opsets)).toEqual({ '': 17, [microsoftDomain]: 1 });
    expect(model.operators.get('com.microsoft.Gelu')).toBe(1);
    expect(model.metadata.get('license')).toBe('Apache-2.0');
    const weights = model.initializers.find(({ name }) => name === 'w')!;
    expect(weights.shape).toEqual([3, 2]);
    expect([...weights.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('stores equal constants once', () => {
    const graph = new OnnxGraphBuilder();
    expect(graph.ints([1, 2])).toBe(graph.ints([1, 2]));
    expect(graph.ints([1, 2])).not.toBe(graph.ints([2, 1]));
    expect(graph.float(0.5)).toBe(graph.float(0.5));
  });

  it('refuses values that do not exist, names that are taken and floats without their mark', () => {
    const graph = new OnnxGraphBuilder();
    const x = graph.input('x', 'float32', [1]);
    expect(codeOf(() => graph.node('Relu', ['z']))).toBe('not-found');
    expect(codeOf(() => graph.input('x', 'float32', [1]))).toBe('conflict');
    expect(codeOf(() => graph.node('LeakyRelu', [x], { alpha: 0.1 }))).toBe('wrong-usage');
    expect(codeOf(() => graph.build())).toBe('wrong-usage');
    expect(codeOf(() => graph.initializer('w', { dtype: 'float32', shape: [2], data: new Float32Array(3) }))).toBe(
      'shape-mismatch',
    );
  });
});

describe('readOnnxModel', () => {
  const file = exampleGraph().build();

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['text', new TextEncoder().encode('no model at all')],
    ['safetensors', writeSafetensors([])],
    ['a file cut short', file.slice(0, file.length - 20)],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => readOnnxModel(bytes))).toBe('bad-format');
  });

  it('refuses weights in other files', () => {
    // graph { initializer { name: "w", data_location: EXTERNAL } }
    const tensor = [0x42, 1, 0x77, 0x70, 1];
    const graph = [0x2a, tensor.length, ...tensor];
    expect(codeOf(() => readOnnxModel(Uint8Array.from([8, 9, 0x3a, graph.length, ...graph])))).toBe('unsupported');
  });

  it('bounds the memory of a file of empty messages', () => {
    const inner = new Uint8Array(2_000_000);
    for (let i = 0; i < inner.length; i += 2) inner[i] = 0x5a;
    expect(codeOf(() => readOnnxModel(Uint8Array.from([0x3a, 0x80, 0x89, 0x7a, ...inner])))).toBe('bad-format');
  });
});
