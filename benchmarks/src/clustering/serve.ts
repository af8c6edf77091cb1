/** Our k-means on one engine, one run per line of input; a process of its own, as the peer is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { createOnnxSession } from '@u2seg/backbone';
import { kMeans, onnxruntimeEngine, tfjsEngine, wasmEngine, type ClusteringEngine } from '@u2seg/clustering';
import { loadTfBackend } from '@u2seg/heads';
import type { Answer, Sizes } from './sizes.ts';

async function openEngine(name: string, threads: number): Promise<{ engine: ClusteringEngine; note: string }> {
  if (name === 'wasm') return { engine: wasmEngine({ threads }), note: `${threads} threads` };
  if (name === 'onnxruntime') {
    return { engine: onnxruntimeEngine((model) => createOnnxSession(model, { threads })), note: `${threads} threads` };
  }
  const { description } = await loadTfBackend('tensorflow');
  // The same copy of tfjs-core that the backend registered with.
  const tf: unknown = createRequire(import.meta.url)('@tensorflow/tfjs-core');
  const precision = name === 'tfjs' ? 'auto' : 'float32';
  return { engine: tfjsEngine(tf, { precision }), note: `${precision} products, ${description}` };
}

function floats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function say(answer: Answer): void {
  console.log(JSON.stringify(answer));
}

const sizes = JSON.parse(process.argv[2]!) as Sizes;
const name = process.argv[3]!;
try {
  const { engine, note } = await openEngine(name, sizes.threads);
  const points = floats(sizes.points);
  const start = { centroids: floats(sizes.start) };
  say({ ready: `${name}: ${note}` });
  for await (const _ of createInterface({ input: process.stdin })) {
    const [began, busy] = [performance.now(), process.cpuUsage()];
    const result = await kMeans(points, {
      dim: sizes.dim,
      k: sizes.k,
      start,
      engine,
      maxIterations: sizes.iterations,
      emptyClusters: 'faiss',
      assignments: 'before-last-update',
      acceleration: name === 'tfjs-plain' ? 'none' : 'bounds',
    });
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(busy);
    const processorSeconds = (user + system) / 1e6;
    writeFileSync(sizes.out, result.centroids);
    say({ seconds, processorSeconds, iterations: result.iterations, passes: result.passes });
  }
} catch (cause) {
  say({ missing: cause instanceof Error ? cause.message : String(cause) });
}
