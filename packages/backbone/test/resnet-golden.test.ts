import { createOnnxSession, readResnet, resnetGraph, type ResnetOutput } from '@u2seg/backbone';
import { readSafetensors, readTorchCheckpoint } from '@u2seg/interchange';
import { golden } from '@u2seg/testing';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const folder = golden('vit');

describe.skipIf(folder === undefined)('golden ResNet', () => {
  const files = folder?.list(/^resnet_(?!output).*\.(?:pth|safetensors)$/u) ?? [];

  it.each(files)('gives every stage from %s (golden)', async (name) => {
    const bytes = readFileSync(folder!.file(name));
    const tensors = name.endsWith('.pth')
      ? readTorchCheckpoint(bytes, name).tensors
      : readSafetensors(bytes, name).tensors;
    const outputs: ResnetOutput[] = ['stem_relu', 'stem', 'res2', 'res3', 'res4', 'res5', 'pooled'];
    const session = await createOnnxSession(resnetGraph(readResnet(tensors, name), { outputs }));
    const expected = folder!.tensors('resnet_output.safetensors');
    const input = expected.get('input')!;
    const results = await session.run({
      pixels: { data: input.data as Float32Array, shape: input.shape, type: 'float32' },
    });
    await session.dispose();
    for (const output of outputs) {
      expect(results[output]!.shape).toEqual(expected.get(output)!.shape);
      expect(results[output]!.data as Float32Array, output).toBeAllClose(expected.get(output)!.data as Float32Array, {
        ofMax: 1e-5,
      });
    }
  });
});
