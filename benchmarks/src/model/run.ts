/**
 * Training step of the full-width Panoptic Cascade Mask R-CNN (R50-FPN) on one image: TensorFlow.js against the same network in
 * PyTorch (`U2SEG_PEER_PYTHON`), step by step in turn, each in its own process.
 *
 *   npm run build && node benchmarks/dist/model/run.js [K ...]
 *
 * Writes benchmarks/model/summary.json.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuHasBfloat16 } from '@u2seg/heads';
import { PeerProcess } from '../peer-process.ts';
import { sceneSize } from './training-scene.ts';

const rounds = 5;

interface Step {
  readonly ms: number;
  readonly cpuMs: number;
  /** Sum of the losses. */
  readonly total: number;
  /** Regions the mask head is trained on. */
  readonly foreground: number;
  /** Largest resident set so far. */
  readonly peakMb: number;
}

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const median = (values: readonly number[]): number => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]!);

function row(steps: readonly Step[]): Record<string, unknown> {
  const measured = steps.slice(1);
  return {
    ms: median(measured.map(({ ms }) => ms)),
    bestMs: Math.round(Math.min(...measured.map(({ ms }) => ms))),
    cpuMs: median(measured.map(({ cpuMs }) => cpuMs)),
    bestCpuMs: Math.round(Math.min(...measured.map(({ cpuMs }) => cpuMs))),
    peakMb: Math.round(steps.at(-1)!.peakMb),
    firstLoss: Number(steps[0]!.total.toFixed(3)),
    foreground: steps.map(({ foreground }) => foreground),
  };
}

const results: Record<string, unknown>[] = [];
const precisions = cpuHasBfloat16() === true ? ['float32', 'bfloat16'] : ['float32'];
let backend = '';
for (const numClasses of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [300, 800]) {
  for (const precision of precisions) {
    const folder = await mkdtemp(join(tmpdir(), 'u2seg-train-'));
    const worker = await PeerProcess.startCommand<{ backend: string }>(process.execPath, [
      local('train-worker.js'),
      String(numClasses),
      precision,
      folder,
    ]);
    if (worker === undefined) throw new Error('our own side of the benchmark does not start');
    ({ backend } = worker.hello);
    const files = ['weights.safetensors', 'image.f32', 'truth.json', 'config.json'].map((name) => join(folder, name));
    const numbers = [sceneSize.height, sceneSize.width, availableParallelism()].map(String);
    const peer = await PeerProcess.start<{ torch: string }>(local('../../model/train_peer.py'), [
      ...files,
      ...numbers,
      precision,
    ]);
    const [ours, theirs]: [Step[], Step[]] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      ours.push(await worker.peer.ask<Step>('step'));
      if (peer !== undefined) theirs.push(await peer.peer.ask<Step>('step'));
    }
    worker.peer.stop();
    peer?.peer.stop();
    await rm(folder, { recursive: true });
    const [own, other] = [row(ours), theirs.length === 0 ? undefined : row(theirs)];
    const speedup = (key: string): number => Number(((other![key] as number) / (own[key] as number)).toFixed(2));
    results.push({
      numClasses,
      precision,
      tfjs: own,
      torch: other ?? 'not found',
      ...(other !== undefined && { version: peer!.hello.torch, speedup: speedup('ms'), cpuSpeedup: speedup('cpuMs') }),
    });
  }
}
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
const summary = {
  job: 'training-step',
  image: sceneSize,
  rounds,
  backend,
  cores: availableParallelism(),
  node: process.version,
  commit: git('rev-parse', 'HEAD'),
  dirty: git('status', '--porcelain').length > 0,
  loadAverage: loadavg().map((value) => Number(value.toFixed(1))),
  results,
};
writeFileSync(local('../../model/summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
