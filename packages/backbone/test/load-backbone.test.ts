import { U2SegError, type RgbImage } from '@u2seg/core';
import {
  createOnnxExtractor,
  createOnnxSession,
  createVitBackbone,
  loadBackbone,
  normalizePixels,
  parameterShapes,
  parseExtractorDeclaration,
  readResnet,
  readVit,
  vitGraph,
  type VitArchitecture,
} from '@u2seg/backbone';
import { OnnxGraphBuilder, writeSafetensors, writeTorchCheckpoint, type NamedTensor } from '@u2seg/interchange';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { productsSaturate } from '../src/vit/integer-product.ts';

const folder = mkdtempSync(join(tmpdir(), 'u2seg-backbone-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const architecture: VitArchitecture = {
  family: 'dino',
  dim: 64,
  depth: 2,
  heads: 1,
  hidden: 96,
  patchSize: 8,
  registers: 0,
  positionGrid: 4,
};

function vitTensors(prefix = '', shift = 0): NamedTensor[] {
  return [...parameterShapes(architecture)].map(([name, shape], p) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7 + p + shift) * 0.3);
    return { name: prefix + name, dtype: 'float32', shape, data };
  });
}

function image(height: number, width: number): RgbImage {
  return { height, width, data: Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 37) % 256) };
}

const codeOf = async (action: () => unknown): Promise<string> => {
  try {
    await action();
  } catch (error) {
    if (error instanceof U2SegError) return error.code;
    throw error;
  }
  return 'no error';
};

const identity = { name: 'tiny', license: 'Apache-2.0', weightsSha256: 'none' };

describe('loadBackbone', () => {
  it('takes the teacher of a training checkpoint, and gives the same from every format', async () => {
    const training = { student: vitTensors('module.backbone.', 9), teacher: vitTensors('backbone.'), epoch: 3 };
    const files = {
      'plain.pth': writeTorchCheckpoint(vitTensors()),
      'training.pth': writeTorchCheckpoint(training),
      'weights.safetensors': writeSafetensors(vitTensors()),
    };
    const results = [];
    for (const [file, bytes] of Object.entries(files)) {
      writeFileSync(join(folder, file), bytes);
      const backbone = await loadBackbone('mine', { weights: join(folder, file), license: 'CC0-1.0' });
      expect(backbone.info).toMatchObject({ name: 'mine', dim: 64, clsDim: 64, patchSize: 8, license: 'CC0-1.0' });
      expect(backbone.info.weightsSha256).toMatch(/^[0-9a-f]{64}$/u);
      results.push(await backbone.extract(image(24, 40)));
      await backbone.dispose();
    }
    expect(results[0]).toMatchObject({ gridH: 3, gridW: 5, dim: 64, patchSize: 8 });
    expect(results[0]!.data).toHaveLength(15 * 64);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('says what a file is not', async () => {
    const path = join(folder, 'other.safetensors');
    writeFileSync(path, writeSafetensors([{ name: 'fc', dtype: 'float32', shape: [1], data: Float32Array.of(1) }]));
    expect(await codeOf(() => loadBackbone('mine', { weights: path }))).toBe('unsupported');
    expect(await codeOf(() => loadBackbone('mine', { weights: join(folder, 'missing.pth') }))).toBe('not-found');
    expect(await codeOf(() => loadBackbone('mine'))).toBe('not-found');
    writeFileSync(path, 'hello');
    expect(await codeOf(() => loadBackbone('mine', { weights: path }))).toBe('bad-format');
  });

  it('runs any ONNX extractor with its declaration', async () => {
    // Mean colour of every 4x4 patch, as a map.
    const graph = new OnnxGraphBuilder();
    const x = graph.input('image', 'float32', [1, 3, 'h', 'w']);
    graph.output('features', graph.node('AveragePool', [x], { kernel_shape: [4, 4], strides: [4, 4] }), 'float32', [
      1,
      3,
      'gh',
      'gw',
    ]);
    graph.output('mean', graph.node('Flatten', [graph.node('GlobalAveragePool', [x])]), 'float32', [1, 3]);
    const path = join(folder, 'mean.onnx');
    writeFileSync(path, graph.build());
    const declaration = {
      name: 'mean-colour',
      license: 'CC0-1.0',
      patchSize: 4,
      input: { name: 'image', normalization: { mean: [0, 0, 0], std: [1, 1, 1] } },
      output: { name: 'features', layout: 'map' },
      cls: { name: 'mean' },
    };
    writeFileSync(`${path}.json`, JSON.stringify(declaration));
    const backbone = await loadBackbone('mean-colour', { weights: path });
    const features = await backbone.extract({
      height: 4,
      width: 8,
      data: Uint8Array.from({ length: 96 }, (_, i) => (Math.floor(i / 3) % 8 < 4 ? 0 : 255)),
    });
    expect(features).toMatchObject({ gridH: 1, gridW: 2, dim: 3, patchSize: 4 });
    expect([...features.data]).toEqual([0, 0, 0, 1, 1, 1]);
    expect([...features.cls!]).toEqual([0.5, 0.5, 0.5]);
    expect(await codeOf(() => backbone.extract(image(4, 6)))).toBe('shape-mismatch');
    await backbone.dispose();

    const session = await createOnnxSession(path);
    const wrong = parseExtractorDeclaration({ ...declaration, output: { name: 'tokens', layout: 'tokens' } });
    expect(await codeOf(() => createOnnxExtractor(session, wrong, { weightsSha256: 'none' }))).toBe('not-found');
  });

  it.each([
    ['no object', 3],
    ['an unknown layout', { output: { layout: 'rows' } }],
    ['a patch size of 0', { patchSize: 0 }],
    ['a standard deviation of 0', { input: { name: 'x', normalization: { mean: [0, 0, 0], std: [1, 0, 1] } } }],
    ['no name', { name: undefined }],
  ])('refuses a declaration with %s', async (_, change) => {
    const good = { name: 'a', license: 'b', patchSize: 1, input: { name: 'x' }, output: { name: 'y', layout: 'map' } };
    const declaration = typeof change === 'number' ? change : { ...good, ...change };
    expect(await codeOf(() => parseExtractorDeclaration(declaration))).toBe('bad-format');
  });
});

describe('createVitBackbone', () => {
  it('gives the same keys fused and spelled out, alone and with CLS', async () => {
    const weights = readVit(vitTensors());
    const keys = [];
    for (const options of [{ attention: 'fused' }, { attention: 'spelled-out' }, { cls: false }] as const) {
      const backbone = await createVitBackbone(weights, identity, options);
      const features = await backbone.extract(image(32, 32));
      expect(features.cls === undefined).toBe('cls' in options);
      keys.push(features.data);
      await backbone.dispose();
      expect(await codeOf(() => backbone.extract(image(32, 32)))).toBe('wrong-usage');
    }
    expect(keys[1]!).toBeAllClose(keys[0]!, { ofMax: 1e-5 });
    expect(keys[2]!).toBeAllClose(keys[0]!, { ofMax: 1e-6 });
  });

  it('joins keys, queries and values in that order', async () => {
    const weights = readVit(vitTensors());
    const parts = [];
    for (const feature of ['kqv', 'key', 'query', 'value'] as const) {
      const backbone = await createVitBackbone(weights, identity, { feature, cls: false });
      expect(backbone.info.dim).toBe(feature === 'kqv' ? 192 : 64);
      parts.push((await backbone.extract(image(16, 8))).data);
      await backbone.dispose();
    }
    const [joined, key, query, value] = parts as [Float32Array, Float32Array, Float32Array, Float32Array];
    const second = [key, query, value].flatMap((part) => [...part.subarray(64)]);
    expect([...joined.subarray(192)]).toEqual(second);
  });

  // `auto` is what the processor gets; u8u8 must be right on every processor.
  it.each(
    [8, 24, 64].flatMap((side) => [
      [side, 'auto'],
      [side, 'u8u8'],
    ]) as [number, 'auto' | 'u8u8'][],
  )('stays close to float32 with int8, %i pixels, product %s', async (side, integerProduct) => {
    const weights = readVit(vitTensors());
    const features = [];
    for (const precision of ['float32', 'int8'] as const) {
      const backbone = await createVitBackbone(weights, identity, { precision, integerProduct });
      features.push(await backbone.extract(image(side, side)));
      await backbone.dispose();
    }
    // 8 bits for weights, activations and logits: about 1 % of the largest value a block.
    expect(features[1]!.data).toBeAllClose(features[0]!.data, { ofMax: 0.03 });
    expect(features[1]!.cls!).toBeAllClose(features[0]!.cls!, { ofMax: 0.06 });
    expect(features[1]!.cls).not.toEqual(features[0]!.cls);
  });

  it('gives the same features by either integer product where both are exact', async ({ skip }) => {
    if (await productsSaturate()) skip('this processor has no exact u8s8 product');
    const weights = readVit(vitTensors());
    const keys = [];
    for (const integerProduct of ['u8s8', 'u8u8'] as const) {
      const backbone = await createVitBackbone(weights, identity, { precision: 'int8', integerProduct });
      keys.push((await backbone.extract(image(64, 64))).data);
      await backbone.dispose();
    }
    expect(keys[1]!).toBeAllClose(keys[0]!, { ofMax: 1e-6 });
  });

  it('gives float16 outputs on request', async () => {
    const weights = readVit(vitTensors());
    const session = await createOnnxSession(vitGraph(weights, { outputs: ['key'], outputDtype: 'float16' }));
    const results = await session.run({
      pixels: { data: normalizePixels(image(8, 8)), shape: [1, 3, 8, 8], type: 'float32' },
      positions: { data: new Float32Array(2 * 64), shape: [1, 2, 64], type: 'float32' },
    });
    expect(results['key']).toMatchObject({ type: 'float16', shape: [1, 2, 64] });
    expect(results['key']!.data).toBeInstanceOf(Uint16Array);
    await session.dispose();
  });

  it('refuses sizes between patches', async () => {
    const backbone = await createVitBackbone(readVit(vitTensors()), identity);
    expect(await codeOf(() => backbone.extract(image(12, 16)))).toBe('shape-mismatch');
    await backbone.dispose();
  });
});

describe('readVit and readResnet', () => {
  it('names what is missing or does not fit', async () => {
    const tensors = vitTensors();
    const without = tensors.filter(({ name }) => name !== 'blocks.1.mlp.fc2.bias');
    expect(() => readVit(without)).toThrow('"blocks.1.mlp.fc2.bias" is missing');
    const bent = tensors.map((t) => (t.name === 'norm.bias' ? { ...t, shape: [32], data: new Float32Array(32) } : t));
    expect(() => readVit(bent)).toThrow('"norm.bias" must be [64], got [32]');
    expect(await codeOf(() => readVit(tensors, { heads: 3 }))).toBe('out-of-range');
    expect(await codeOf(() => readVit([]))).toBe('not-found');
    expect(await codeOf(() => readResnet(tensors))).toBe('not-found');
  });
});

describe('createOnnxSession', () => {
  it('tells wrong feeds apart', async () => {
    const graph = new OnnxGraphBuilder();
    const x = graph.input('x', 'float32', [2]);
    graph.output('y', graph.node('Relu', [x]), 'float32', [2]);
    const session = await createOnnxSession(graph.build());
    const good = { data: Float32Array.of(-1, 1), shape: [2], type: 'float32' } as const;
    expect([...((await session.run({ x: good }))['y']!.data as Float32Array)]).toEqual([0, 1]);
    expect(await codeOf(() => session.run({}))).toBe('wrong-usage');
    expect(await codeOf(() => session.run({ x: { ...good, data: Int32Array.of(1, 2) } }))).toBe('shape-mismatch');
    expect(await codeOf(() => session.run({ x: { ...good, shape: [1, 2] } }))).toBe('shape-mismatch');
    await session.dispose();
  });

  it('refuses a model the runtime cannot run', async () => {
    const graph = new OnnxGraphBuilder();
    graph.output('y', graph.node('NoSuchOperator', [graph.input('x', 'float32', [1])]), 'float32', [1]);
    expect(await codeOf(() => createOnnxSession(graph.build()))).toBe('bad-format');
    expect(await codeOf(() => createOnnxSession('/nowhere/model.onnx'))).toBe('not-found');
  });
});
