import { deriveSeed, U2SegError } from '@u2seg/core';
import {
  assertTensor,
  decodeTable,
  encodeTable,
  type NamedTensor,
  OnnxGraphBuilder,
  readOnnxModel,
  readSafetensors,
  readTorchCheckpoint,
  writeSafetensors,
  writeTorchCheckpoint,
} from '@u2seg/interchange';
import { golden } from '@u2seg/testing';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutate } from './file-mutations.ts';
import { tableCases } from './table-cases.ts';

/** Mutations a format; `U2SEG_FUZZ_COUNT=10000` runs the full number, `U2SEG_FUZZ_SUMMARY` names a file for the result. */
const count = Number(process.env['U2SEG_FUZZ_COUNT'] ?? 400);
const summaryFile = process.env['U2SEG_FUZZ_SUMMARY'];

const tensors: NamedTensor[] = [
  { name: 'a.weight', dtype: 'float32', shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i) },
  { name: 'a.bias', dtype: 'float16', shape: [4], data: Uint16Array.of(1, 2, 3, 4) },
  { name: 'steps', dtype: 'int64', shape: [], data: BigInt64Array.of(7n) },
  { name: 'mask', dtype: 'bool', shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) },
];

function graphFile(): Uint8Array {
  const graph = new OnnxGraphBuilder();
  const x = graph.input('x', 'float32', ['batch', 3]);
  const w = graph.initializer('w', { dtype: 'float32', shape: [3, 4], data: new Float32Array(12) });
  graph.output('y', graph.node('Relu', [graph.node('MatMul', [x, w])]), 'float32', ['batch', 4]);
  return graph.build();
}

/** Python's pickle, protocol 2, of detectron2's `.pkl` layout: `{model: {name: array [2, 3], b: float32(1.5)}, ...}`. */
const numpyPickle = new Uint8Array(
  Buffer.from(
    [
      'gAJ9cQAoWAUAAABtb2RlbHEBfXECKFgRAAAAc3RlbS5jb252MS53ZWlnaHRxA2NudW1weS5jb3JlLm11bHRpYXJyYXkKX3JlY29u',
      'c3RydWN0CnEEY251bXB5Cm5kYXJyYXkKcQVLAIVxBmNfY29kZWNzCmVuY29kZQpxB1gBAAAAYnEIWAYAAABsYXRpbjFxCYZxClJx',
      'C4dxDFJxDShLAUsCSwOGcQ5jbnVtcHkKZHR5cGUKcQ9YAgAAAGY0cRCJiIdxEVJxEihLA1gBAAAAPHETTk5OSv////9K/////0sA',
      'dHEUYoloB1gbAAAAAAAAAAAAwoA/AAAAQAAAQEAAAMKAQAAAwqBAcRVoCYZxFlJxF3RxGGJYAQAAAGJxGWNudW1weS5jb3JlLm11',
      'bHRpYXJyYXkKc2NhbGFyCnEaaBJoB1gFAAAAAADDgD9xG2gJhnEcUnEdhnEeUnEfdVgTAAAAbWF0Y2hpbmdfaGV1cmlzdGljc3Eg',
      'iFgKAAAAX19hdXRob3JfX3EhWAEAAAB4cSJ1Lg==',
    ].join(''),
    'base64',
  ),
);

interface Format {
  readonly files: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => readonly NamedTensor[];
  /** Whether the format's checksums catch every change of a weight. */
  readonly checksummed: boolean;
}

const vit = golden('vit');
const goldenFiles = (pattern: RegExp): Uint8Array[] => {
  const names = vit?.list(pattern) ?? [];
  return names.map((name) => readFileSync(vit!.file(name)));
};
const readTorch = (bytes: Uint8Array): readonly NamedTensor[] => readTorchCheckpoint(bytes).tensors;

const formats: Readonly<Record<string, Format>> = {
  '.pth (zip)': {
    files: [writeTorchCheckpoint({ model: tensors, iteration: 3 }), ...goldenFiles(/^resnet_(?:plain|teacher)\.pth$/u)],
    read: readTorch,
    checksummed: true,
  },
  '.pth (legacy)': { files: goldenFiles(/legacy.*\.pth$/u), read: readTorch, checksummed: false },
  '.pkl': { files: [numpyPickle], read: readTorch, checksummed: false },
  '.safetensors': {
    files: [writeSafetensors(tensors, { note: 'x' }), ...goldenFiles(/^resnet_weights\.safetensors$/u)],
    read: (bytes) => readSafetensors(bytes).tensors,
    checksummed: false,
  },
  '.onnx': { files: [graphFile()], read: (bytes) => readOnnxModel(bytes).initializers, checksummed: false },
};

describe('mutated files', () => {
  const summary: Record<string, unknown> = {};

  for (const [name, format] of Object.entries(formats)) {
    it.skipIf(format.files.length === 0)(
      `gives an error or sound tensors, ${count} times: ${name}`,
      () => {
        let errors = 0;
        let unchanged = 0;
        let slowest = 0;
        let largest = 0;
        for (let i = 0; i < count; i += 1) {
          const file = format.files[i % format.files.length]!;
          const bytes = mutate(file, deriveSeed(1, name, i));
          const start = performance.now();
          try {
            const read = format.read(bytes);
            for (const tensor of read) assertTensor('fuzz', tensor);
            const stored = read.reduce((sum, { data }) => sum + data.byteLength, 0);
            largest = Math.max(largest, stored / bytes.length);
            const same = equalTensors(read, format.read(file));
            if (same) unchanged += 1;
            if (format.checksummed) expect(same, `seed ${i}: other weights without an error`).toBe(true);
          } catch (error) {
            if (!(error instanceof U2SegError)) throw error;
            errors += 1;
          }
          slowest = Math.max(slowest, performance.now() - start);
        }
        summary[name] = {
          files: count,
          errors,
          sameTensors: unchanged,
          otherNumbers: count - errors - unchanged,
          slowestMs: Math.round(slowest),
          largestTensorBytesPerFileByte: Number(largest.toFixed(2)),
        };
        expect(errors).toBeGreaterThan(count / 4);
        expect(largest).toBeLessThan(32);
        expect(slowest).toBeLessThan(5_000);
        if (summaryFile !== undefined) writeFileSync(summaryFile, `${JSON.stringify(summary, null, 2)}\n`);
      },
      600_000,
    );
  }

  it(`gives an error or rows, ${count} times: .arrow`, () => {
    const files = tableCases.map(([table, row]) => ({
      table,
      bytes: encodeTable(
        table,
        Array.from({ length: 5 }, () => row),
      ),
    }));
    let errors = 0;
    let slowest = 0;
    let most = 0;
    for (let i = 0; i < count; i += 1) {
      const { table, bytes: file } = files[i % files.length]!;
      const bytes = mutate(file, deriveSeed(2, 'arrow', i));
      const start = performance.now();
      try {
        most = Math.max(most, decodeTable(table, bytes, `mutation ${i}`).length / bytes.length);
      } catch (error) {
        if (!(error instanceof U2SegError)) throw error;
        errors += 1;
      }
      slowest = Math.max(slowest, performance.now() - start);
    }
    summary['.arrow'] = { files: count, errors, slowestMs: Math.round(slowest), rowsPerFileByte: most };
    expect(errors).toBeGreaterThan(count / 4);
    expect(most).toBeLessThan(8);
    expect(slowest).toBeLessThan(5_000);
    if (summaryFile !== undefined) writeFileSync(summaryFile, `${JSON.stringify(summary, null, 2)}\n`);
  }, 600_000);
});

function equalTensors(a: readonly NamedTensor[], b: readonly NamedTensor[]): boolean {
  const view = (tensors: readonly NamedTensor[]): string[] =>
    tensors.map(({ name, dtype, shape, data }) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
      return `${name} ${dtype} ${shape.join()} ${bytes}`;
    });
  return view(a).sort().join('\n') === view(b).sort().join('\n');
}
