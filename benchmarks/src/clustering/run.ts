/**
 * K-means against faiss-cpu, in turns within one run, on points with structure and on points without.
 *
 *   npm run build && node benchmarks/dist/clustering/run.js [--rounds 3] [--engines tfjs,tfjs-float32,tfjs-plain,onnxruntime] [--data mixture,uniform] [--n 100000] [--note "..."]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assignPoints } from '@u2seg/clustering';
import { sampleWithoutReplacement, SeededRng } from '@u2seg/core';
import type { Answer, Sizes } from './sizes.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
    engines: { type: 'string', default: 'tfjs,tfjs-float32,tfjs-plain,onnxruntime' },
    data: { type: 'string', default: 'mixture,uniform' },
    n: { type: 'string', default: '100000' },
    dim: { type: 'string', default: '768' },
    k: { type: 'string', default: '800' },
    iterations: { type: 'string', default: '20' },
    threads: { type: 'string', default: '2' },
    note: { type: 'string', default: '' },
    summary: { type: 'string', default: fileURLToPath(new URL('../../clustering/summary.json', import.meta.url)) },
  },
});

/** Components of the mixture the points are drawn from, and how far apart their means are (noise: 1 a dimension). */
const components = 1000;
const spread = 0.5;

class Contestant {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly seconds: number[] = [];
  readonly processorSeconds: number[] = [];
  /** Passes over all N K scores of the last run; the peer does not tell. */
  passes: number | undefined;
  status = '';
  alive = true;

  constructor(name: string, command: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', () => undefined);
    this.#child.stdin!.on('error', () => undefined);
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    const answer = await this.#answer();
    this.status = answer.ready ?? `missing: ${answer.missing ?? 'no answer'}`;
    this.alive = answer.ready !== undefined;
  }

  async run(): Promise<number | undefined> {
    if (!this.alive) return undefined;
    this.#child.stdin!.write('run\n');
    const answer = await this.#answer();
    if (answer.seconds === undefined) {
      this.alive = false;
      this.status = `failed: ${answer.missing ?? 'no answer'}`;
    }
    this.passes = answer.passes;
    if (answer.processorSeconds !== undefined) this.processorSeconds.push(answer.processorSeconds);
    return answer.seconds;
  }

  close(): void {
    this.#child.stdin!.end();
    this.#reader.close();
  }

  async #answer(): Promise<Answer> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) return { missing: 'the process ended' };
      if (value.startsWith('{')) return JSON.parse(value) as Answer;
    }
  }
}

/** `mixture`: Gaussians around `components` means. `uniform`: every number in [0, 1), no clusters at all. */
function drawPoints(kind: string, n: number, dim: number): Float32Array {
  const rng = new SeededRng(7);
  if (kind === 'uniform') return Float32Array.from({ length: n * dim }, rng.asFunction());
  const means = Float32Array.from({ length: components * dim }, () => spread * rng.normal());
  const points = new Float32Array(n * dim);
  for (let i = 0; i < n; i += 1) {
    const component = rng.integer(components);
    for (let j = 0; j < dim; j += 1) points[i * dim + j] = means[component * dim + j]! + rng.normal();
  }
  return points;
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;

const [n, dim, k] = [Number(values.n), Number(values.dim), Number(values.k)];

async function compare(kind: string): Promise<Record<string, object>> {
  const folder = mkdtempSync(join(tmpdir(), 'u2seg-kmeans-'));
  const sizes = (out: string): Sizes => ({
    n,
    dim,
    k,
    iterations: Number(values.iterations),
    threads: Number(values.threads),
    points: join(folder, 'points.f32'),
    start: join(folder, 'start.f32'),
    out: join(folder, out),
  });
  const contestants: Contestant[] = [];
  try {
    const points = drawPoints(kind, n, dim);
    const start = new Float32Array(k * dim);
    for (const [c, row] of sampleWithoutReplacement(n, k, new SeededRng(11).asFunction()).entries()) {
      start.set(points.subarray(row * dim, (row + 1) * dim), c * dim);
    }
    writeFileSync(sizes('').points, points);
    writeFileSync(sizes('').start, start);
    const peer = fileURLToPath(new URL('../../clustering/peer.py', import.meta.url));
    const serve = fileURLToPath(new URL('./serve.js', import.meta.url));
    const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
    contestants.push(new Contestant('faiss-cpu', python, [peer, JSON.stringify(sizes('faiss-cpu.f32'))]));
    for (const engine of values.engines.split(',')) {
      contestants.push(
        new Contestant(engine, process.execPath, [serve, JSON.stringify(sizes(`${engine}.f32`)), engine]),
      );
    }
    for (const contestant of contestants) await contestant.ready();
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const contestant of contestants) {
        const seconds = await contestant.run();
        if (seconds !== undefined) contestant.seconds.push(seconds);
        console.log(`${kind}, round ${round + 1}: ${contestant.name} ${seconds?.toFixed(2) ?? contestant.status}`);
      }
    }
    const results: Record<string, object> = {};
    const { seconds: peerSeconds, processorSeconds: peerProcessor } = contestants[0]!;
    let peerInertia: number | undefined;
    for (const { name, seconds, processorSeconds, status, passes } of contestants) {
      if (seconds.length === 0) {
        results[name] = { status };
        continue;
      }
      const bytes = readFileSync(join(folder, `${name}.f32`));
      const centroids = new Float32Array(bytes.buffer, bytes.byteOffset, k * dim);
      const { scores } = await assignPoints(points, centroids, { dim, k });
      const inertia = scores.reduce((sum, value) => sum + value, 0);
      if (name === 'faiss-cpu') peerInertia = inertia;
      results[name] = {
        status,
        medianSeconds: median(seconds),
        bestSeconds: Math.min(...seconds),
        seconds,
        processorSeconds,
        ...(passes === undefined ? {} : { passes }),
        inertia,
        ...(peerInertia === undefined ? {} : { inertiaDifference: Math.abs(inertia - peerInertia) / peerInertia }),
        ...(peerSeconds.length === 0
          ? {}
          : {
              peerOverOurs: median(peerSeconds) / median(seconds),
              peerOverOursProcessor: Math.min(...peerProcessor) / Math.min(...processorSeconds),
            }),
      };
    }
    return results;
  } finally {
    for (const contestant of contestants) contestant.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const load = loadavg()[0]!;
const results: Record<string, object> = {};
for (const kind of values.data.split(',')) results[kind] = await compare(kind);
const summary = {
  benchmark: 'k-means',
  sizes: { n, dim, k, iterations: Number(values.iterations), threads: Number(values.threads), components, spread },
  rounds: Number(values.rounds),
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version, loadAtStart: load },
  note: values.note,
  results,
};
writeFileSync(values.summary, `${JSON.stringify(summary, null, 2)}\n`);
console.log(JSON.stringify(summary, null, 2));
