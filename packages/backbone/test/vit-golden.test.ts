import {
  createOnnxSession,
  normalizePixels,
  positionTokens,
  readVit,
  vitGraph,
  type VitOutput,
  type VitWeights,
} from '@u2seg/backbone';
import { readSafetensors, readTorchCheckpoint } from '@u2seg/interchange';
import { golden, readPng, type GoldenTensor } from '@u2seg/testing';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const folder = golden('vit');
/** The goldens' own float32 deviates from float64 by up to 3e-6 of the largest value. */
const tolerance = { ofMax: 1e-5 };

describe.skipIf(folder === undefined)('golden vit', () => {
  const files = folder?.list(/^output_\d+x\d+\.safetensors$/u) ?? [];
  const heads = files
    .map((name) => folder!.tensors(name).get('attn_last')?.shape[1])
    .find((count) => count !== undefined);
  const read = (name: string): VitWeights => {
    const bytes = readFileSync(folder!.file(name));
    const tensors = name.endsWith('.pth')
      ? readTorchCheckpoint(bytes, name).tensors
      : readSafetensors(bytes, name).tensors;
    return readVit(tensors, { heads: heads!, source: name });
  };
  const weightFiles = folder?.list(/^vit_.*\.(?:pth|safetensors)$/u) ?? [];

  it.each(weightFiles)('reads the teacher from %s (golden)', (name) => {
    const expected = folder!.tensors('vit_weights.safetensors');
    const { parameters } = read(name);
    for (const [key, { data }] of parameters) expect(data).toBeAllClose(expected.get(key)!.data as Float32Array, {});
  });

  it.each(files)('gives the tensors of %s (golden)', async (name) => {
    const weights = read('vit_full_checkpoint.pth');
    const { dim, patchSize, registers } = weights.architecture;
    const expected = folder!.tensors(name);
    const image = readPng(folder!.file(name.replace('output', 'input').replace('.safetensors', '.png')));
    const pixels = normalizePixels(image);
    const { height, width } = image;
    const input = expected.get('input');
    if (input !== undefined) expect(pixels).toBeAllClose(input.data as Float32Array, { atol: 1e-6 });
    const gridH = height / patchSize;
    const gridW = width / patchSize;
    const positions = positionTokens(weights, gridH, gridW);

    const embedding = expected.get('pos_embed_interpolated');
    if (embedding !== undefined) {
      expect(positions.subarray(dim)).toBeAllClose((embedding.data as Float32Array).subarray(dim), tolerance);
    }
    for (const attention of ['fused', 'spelled-out'] as const) {
      const outputs: VitOutput[] = ['cls', 'tokens', 'penultimate', 'tokens_in', 'query', 'key', 'value', 'attention'];
      const session = await createOnnxSession(vitGraph(weights, { outputs, attention }));
      const results = await session.run({
        pixels: { data: pixels, shape: [1, 3, height, width], type: 'float32' },
        positions: { data: positions, shape: [1, 1 + registers + gridH * gridW, dim], type: 'float32' },
      });
      await session.dispose();
      const data = (output: VitOutput): Float32Array => results[output]!.data as Float32Array;
      const check = (key: string, actual: Float32Array): void => {
        const wanted = expected.get(key);
        if (wanted !== undefined)
          expect(actual, `${attention} ${key}`).toBeAllClose(wanted.data as Float32Array, tolerance);
      };
      check('tokens_in', data('tokens_in'));
      check('cls', data('cls'));
      check('tokens_norm_last', data('tokens'));
      check('tokens_norm_penultimate', data('penultimate'));
      check('feat_k', channelFirst(data('key'), dim));
      check('feat_q', channelFirst(data('query'), dim));
      check('feat_v', channelFirst(data('value'), dim));
      check('attn_last', data('attention'));
      const rows = expected.get('attn_last_rows');
      const index = expected.get('attn_last_rows_index_i64');
      if (rows !== undefined && index !== undefined) {
        expect(selectRows(data('attention'), results['attention']!.shape, index)).toBeAllClose(
          rows.data as Float32Array,
          tolerance,
        );
      }
    }
  });
});

/** [1, 1 + n, D] tokens -> [D, n] without the CLS token. */
function channelFirst(tokens: Float32Array, dim: number): Float32Array {
  const n = tokens.length / dim - 1;
  return Float32Array.from({ length: n * dim }, (_, i) => tokens[(1 + (i % n)) * dim + Math.floor(i / n)]!);
}

/** Query rows of [1, heads, n, n] attention. */
function selectRows(attention: Float32Array, shape: readonly number[], index: GoldenTensor): Float32Array {
  const [, heads, n] = shape as [number, number, number];
  const rows = [...index.data].map(Number);
  const out = new Float32Array(heads * rows.length * n);
  for (let h = 0; h < heads; h += 1) {
    for (const [r, row] of rows.entries()) {
      out.set(attention.subarray((h * n + row) * n, (h * n + row + 1) * n), (h * rows.length + r) * n);
    }
  }
  return out;
}
