import { deriveSeed, SeededRng, U2SegError } from '@u2seg/core';
import { createOnnxSession, parameterShapes, readVit, vitGraph } from '@u2seg/backbone';
import type { NamedTensor } from '@u2seg/interchange';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Mutated models; `U2SEG_FUZZ_COUNT=10000` runs the full number, `U2SEG_FUZZ_SUMMARY` names a file for the result. */
const count = Number(process.env['U2SEG_FUZZ_COUNT'] ?? 300);
const summaryFile = process.env['U2SEG_FUZZ_SUMMARY'];

function tinyVit(): Uint8Array {
  const shapes = parameterShapes({
    family: 'dinov2',
    dim: 8,
    depth: 1,
    heads: 2,
    hidden: 8,
    patchSize: 2,
    registers: 1,
    positionGrid: 2,
  });
  const tensors = [...shapes].map(([name, shape]): NamedTensor => {
    const length = shape.reduce((product, size) => product * size, 1);
    return { name, dtype: 'float32', shape, data: Float32Array.from({ length }, (_, i) => Math.sin(i)) };
  });
  return vitGraph(readVit(tensors, { heads: 2 }));
}

describe('mutated models in onnxruntime', () => {
  it(`loads or refuses, ${count} times, and the process lives on`, async () => {
    const model = tinyVit();
    let refusedByReader = 0;
    let refusedByRuntime = 0;
    let loaded = 0;
    let slowest = 0;
    const before = process.memoryUsage().rss;
    for (let i = 0; i < count; i += 1) {
      const rng = new SeededRng(deriveSeed(2, i));
      const bytes = new Uint8Array(model);
      for (let n = 1 + rng.integer(4); n > 0; n -= 1) bytes[rng.integer(bytes.length)] = rng.integer(256);
      const file = rng.integer(8) === 0 ? bytes.slice(0, rng.integer(bytes.length)) : bytes;
      const start = performance.now();
      try {
        const session = await createOnnxSession(file, { threads: 1 });
        await session.dispose();
        loaded += 1;
      } catch (error) {
        if (!(error instanceof U2SegError)) throw error;
        if (error.message.includes('onnxruntime refused it')) refusedByRuntime += 1;
        else refusedByReader += 1;
      }
      slowest = Math.max(slowest, performance.now() - start);
    }
    const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
    expect(refusedByReader + refusedByRuntime + loaded).toBe(count);
    expect(grownMiB).toBeLessThan(512);
    if (summaryFile !== undefined) {
      const result = {
        files: count,
        refusedByReader,
        refusedByRuntime,
        loaded,
        slowestMs: Math.round(slowest),
        grownMiB: Math.round(grownMiB),
      };
      writeFileSync(summaryFile, `${JSON.stringify(result, null, 2)}\n`);
    }
  }, 600_000);
});
