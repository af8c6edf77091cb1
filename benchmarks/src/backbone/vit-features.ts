/**
 * ViT-S/8 features of one 480 x 480 image, batch 1, against PyTorch, interleaved in one run; random weights, shared by both.
 *
 *   npx nx build benchmarks && node benchmarks/dist/backbone/vit-features.js [rounds]
 */
import { SeededRng } from '@u2seg/core';
import {
  createOnnxSession,
  parameterShapes,
  positionTokens,
  readVit,
  vitGraph,
  type OnnxSession,
  type VitArchitecture,
  type VitGraphOptions,
} from '@u2seg/backbone';
import { writeSafetensors, type NamedTensor } from '@u2seg/interchange';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PeerProcess } from '../peer-process.ts';

const size = 480;
const threads = 2;
const rounds = Number(process.argv[2] ?? 5);
const architecture: VitArchitecture = {
  family: 'dino',
  dim: 384,
  depth: 12,
  heads: 6,
  hidden: 1536,
  patchSize: 8,
  registers: 0,
  positionGrid: 28,
};

const variants: Readonly<Record<string, VitGraphOptions>> = {
  'float32, keys and CLS': { outputs: ['cls', 'key'] },
  'float32, keys only': { outputs: ['key'] },
  'float32, attention spelled out': { outputs: ['cls', 'key'], attention: 'spelled-out' },
  'int8, keys and CLS': { outputs: ['cls', 'key'], precision: 'int8' },
  'int8, keys only': { outputs: ['key'], precision: 'int8' },
};

interface Timing {
  readonly seconds: number[];
  readonly cpuSeconds: number[];
  keys: number[];
}
interface PeerAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly keys: number[];
}

/** Parameters as at initialisation of a trained-like scale: weights of 0.04 standard deviation, norms near 1. */
function randomTensors(): NamedTensor[] {
  const rng = new SeededRng(0);
  return [...parameterShapes(architecture)].map(([name, shape]) => {
    const length = shape.reduce((product, value) => product * value, 1);
    const isNorm = /norm\d?\.weight$/u.test(name);
    const data = Float32Array.from({ length }, () => (isNorm ? 1 + 0.1 * rng.normal() : 0.04 * rng.normal()));
    return { name, dtype: 'float32', shape, data };
  });
}

const tensors = randomTensors();
const weights = readVit(tensors);
const grid = size / architecture.patchSize;
const rng = new SeededRng(1);
const pixels = Float32Array.from({ length: 3 * size * size }, () => rng.normal());
const positions = positionTokens(weights, grid, grid);

const folder = mkdtempSync(join(tmpdir(), 'u2seg-bench-'));
const files = ['weights.safetensors', 'pixels.f32', 'positions.f32'].map((name) => join(folder, name));
writeFileSync(files[0]!, writeSafetensors(tensors));
writeFileSync(files[1]!, pixels);
writeFileSync(files[2]!, positions);
const script = fileURLToPath(new URL('../../backbone/peer.py', import.meta.url));
const started = await PeerProcess.start<{ torch: string }>(script, [...files, `${size}`, `${size}`, `${threads}`]);

const sessions = new Map<string, OnnxSession>();
for (const [name, options] of Object.entries(variants)) {
  sessions.set(name, await createOnnxSession(vitGraph(weights, options), { threads }));
}
const timings = new Map<string, Timing>();
function record(name: string, seconds: number, cpuSeconds: number, keys: number[]): void {
  const timing = timings.get(name) ?? { seconds: [], cpuSeconds: [], keys };
  timings.set(name, timing);
  timing.seconds.push(seconds);
  timing.cpuSeconds.push(cpuSeconds);
}
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, session] of sessions) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const result = await session.run({
      pixels: { data: pixels, shape: [1, 3, size, size], type: 'float32' },
      positions: { data: positions, shape: [1, 1 + grid * grid, architecture.dim], type: 'float32' },
    });
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    const keys = result['key']!.data as Float32Array;
    const step = Math.max(1, Math.floor(keys.length / 4096));
    const sample = [...keys].filter((_, i) => i % step === 0);
    if (round > 0) record(`u2seg ${name}`, seconds, (used.user + used.system) / 1e6, sample);
  }
  for (const kind of started === undefined ? [] : ['dino', 'sdpa']) {
    const answer = await started!.peer.ask<PeerAnswer>(kind);
    if (round > 0) record(`torch ${kind}`, answer.seconds, answer.cpuSeconds, answer.keys);
  }
  console.error(`round ${round} of ${rounds}${round === 0 ? ' (warm-up, not counted)' : ''}`);
}
started?.peer.stop();
for (const session of sessions.values()) await session.dispose();
rmSync(folder, { recursive: true });

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const reference = timings.get('u2seg float32, keys and CLS')!;
function deviation(keys: readonly number[]): { ofMax: number; cosine: number } {
  let [worst, max, dot, a2, b2] = [0, 0, 0, 0, 0];
  for (const [i, value] of keys.entries()) {
    const wanted = reference.keys[i]!;
    worst = Math.max(worst, Math.abs(value - wanted));
    max = Math.max(max, Math.abs(wanted));
    dot += value * wanted;
    a2 += value * value;
    b2 += wanted * wanted;
  }
  return { ofMax: Number((worst / max).toExponential(2)), cosine: Number((dot / Math.sqrt(a2 * b2)).toFixed(7)) };
}
const results = Object.fromEntries(
  [...timings].map(([name, { seconds, cpuSeconds, keys }]) => [
    name,
    {
      best: Number(Math.min(...seconds).toFixed(3)),
      median: Number(median(seconds).toFixed(3)),
      medianCpuSeconds: Number(median(cpuSeconds).toFixed(3)),
      timesOurFloat32: Number((median(seconds) / median(reference.seconds)).toFixed(3)),
      keysAgainstOurFloat32: deviation(keys),
    },
  ]),
);
const summary = {
  benchmark: 'ViT-S/8 features, 480 x 480 pixels, batch 1',
  rounds,
  threads,
  machine: { cpu: cpus()[0]?.model, logicalCpus: cpus().length, node: process.version, ...started?.hello },
  loadAverageAtEnd: loadavg().map((value) => Number(value.toFixed(1))),
  results,
};
const target = fileURLToPath(new URL('../../backbone/summary.json', import.meta.url));
writeFileSync(target, `${JSON.stringify(summary, null, 2)}\n`);
console.log(JSON.stringify(summary, null, 2));
