/**
 * One STEGO training step against the same loss in torch, in turns within one run.
 *
 *   npm run build && node benchmarks/dist/stego/run.js [--rounds 15] [--backend tensorflow] [--note "..."]
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SeededRng, type PatchFeatures } from '@u2seg/core';
import { Adam, correspondenceDefaults, loadTfBackend, type TfBackendName } from '@u2seg/heads';
import { StegoModel } from '@u2seg/self-train';
import { stegoStep } from '@u2seg/self-train/internal';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    backend: { type: 'string', default: 'tensorflow' },
    threads: { type: 'string', default: '2' },
    note: { type: 'string', default: '' },
    summary: { type: 'string', default: fileURLToPath(new URL('../../stego/summary.json', import.meta.url)) },
  },
});
const sizes = {
  batch: 16,
  dim: 384,
  grid: 28,
  code: 70,
  samples: 11,
  negatives: 5,
  clusters: 27,
  threads: Number(values.threads),
};

interface Answer {
  readonly ready?: string;
  readonly missing?: string;
  readonly seconds?: number;
}

function startPeer(): { answer: () => Promise<Answer>; ask: () => void; close: () => void } {
  const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
  const script = fileURLToPath(new URL('../../stego/peer.py', import.meta.url));
  const child = spawn(python, [script, JSON.stringify(sizes)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const reader = createInterface({ input: child.stdout });
  const lines = reader[Symbol.asyncIterator]();
  return {
    async answer() {
      const { value, done } = await lines.next();
      return done === true ? { missing: 'the process ended' } : (JSON.parse(value) as Answer);
    },
    ask: () => void child.stdin.write('step\n'),
    close() {
      child.stdin.end();
      reader.close();
    },
  };
}

function randomFeatures(rng: SeededRng): PatchFeatures {
  const { grid, dim } = sizes;
  const data = Float32Array.from({ length: grid * grid * dim }, () => rng.normal());
  return { data, gridH: grid, gridW: grid, dim, patchSize: 8 };
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;

const backend = await loadTfBackend(values.backend as TfBackendName);
const config = {
  featureDim: sizes.dim,
  codeDim: sizes.code,
  projection: 'nonlinear',
  clusters: sizes.clusters,
  classes: 0,
} as const;
const model = new StegoModel(config, 0);
const optimizers = {
  head: new Adam(model.head.variables(), { learningRate: 5e-4 }),
  clusterProbe: new Adam(new Map([['clusters', model.clusterProbe.directions]]), { learningRate: 5e-3 }),
  linearProbe: undefined,
};
const rng = new SeededRng(0);
const batch = {
  images: Array.from({ length: sizes.batch }, () => randomFeatures(rng)),
  neighbors: Array.from({ length: sizes.batch }, () => randomFeatures(rng)),
};
function ourStep(seed: number): number {
  const began = performance.now();
  stegoStep(model, optimizers, batch, {
    correspondence: correspondenceDefaults,
    partnerRule: 'derangement',
    dropout: true,
    seed,
  });
  return (performance.now() - began) / 1000;
}

const peer = startPeer();
let status = await peer.answer();
const ours: number[] = [];
const theirs: number[] = [];
const load = loadavg()[0]!;
const warmup = 2;
for (let round = -warmup; round < Number(values.rounds); round += 1) {
  const seconds = ourStep(round + warmup);
  if (round >= 0) ours.push(seconds);
  if (status.ready === undefined) continue;
  peer.ask();
  const answer = await peer.answer();
  if (answer.seconds === undefined) status = { missing: answer.missing ?? 'no answer' };
  else if (round >= 0) theirs.push(answer.seconds);
}
peer.close();
const summary = {
  benchmark: 'STEGO training step',
  sizes,
  rounds: Number(values.rounds),
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version, loadAtStart: load },
  note: values.note,
  ours: { backend: backend.description, medianSeconds: median(ours), bestSeconds: Math.min(...ours) },
  torch:
    theirs.length === 0
      ? { status: `missing: ${status.missing ?? 'no answer'}` }
      : { status: status.ready, medianSeconds: median(theirs), bestSeconds: Math.min(...theirs) },
  ...(theirs.length === 0 ? {} : { torchOverOurs: median(theirs) / median(ours) }),
};
writeFileSync(values.summary, `${JSON.stringify(summary, null, 2)}\n`);
console.log(JSON.stringify(summary, null, 2));
