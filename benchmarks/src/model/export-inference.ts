/**
 * Inference of the full-width Panoptic Cascade Mask R-CNN (R50-FPN) on one image: TensorFlow.js, in float32 and where the
 * processor has it in bfloat16, against the exported graph in
 * onnxruntime and the same network with the same weights in PyTorch (`U2SEG_PEER_PYTHON`), turn by turn.
 *
 *   npm run build && node benchmarks/dist/model/export-inference.js [K ...]
 *
 * Writes benchmarks/model/export-inference.json.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createOnnxSession } from '@u2seg/backbone';
import { seededRng, type RgbImage } from '@u2seg/core';
import {
  cpuHasBfloat16,
  exportOnnx,
  inferWithSession,
  loadTfBackend,
  PanopticCascadeModel,
  stateDict,
  u2segConfig,
  type Prediction,
} from '@u2seg/heads';
import { writeSafetensors, type NamedTensor } from '@u2seg/interchange';
import { PeerProcess } from '../peer-process.ts';

const [height, width] = [480, 640];
const rounds = 7;
/** Milliseconds of detectron2 on torch 2.5 with 100 detections, on an idle machine; measured once. */
const detectron2Ms = 1990;
/** Blocks of colour under noise. */
function scene(): RgbImage {
  const rng = seededRng(1);
  const cells = Float32Array.from({ length: 12 * 16 * 3 }, () => 220 * rng());
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < data.length; i += 1) {
    const pixel = Math.floor(i / 3);
    const cell = 16 * Math.floor(pixel / width / 40) + Math.floor((pixel % width) / 40);
    data[i] = cells[3 * cell + (i % 3)]! + 35 * rng();
  }
  return { data, height, width };
}

const median = (values: readonly number[]): number => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]!);
type Engine = 'tfjs' | 'tfjs bfloat16' | 'onnxruntime' | 'torch';
type Found = Pick<Prediction['instances'], 'boxesXyxy' | 'scores' | 'classes'>;

/** Detections that have a partner of the same class, a score within 1e-3 and coordinates within 0.1 pixels. */
function agreeing(ours: Found, theirs: Found): number {
  const free = new Set(theirs.scores.keys());
  for (const [i, score] of ours.scores.entries()) {
    const partner = [...free].find(
      (j) =>
        theirs.classes[j] === ours.classes[i] &&
        Math.abs(theirs.scores[j]! - score) <= 1e-3 &&
        [0, 1, 2, 3].every((k) => Math.abs(theirs.boxesXyxy[4 * j + k]! - ours.boxesXyxy[4 * i + k]!) <= 0.1),
    );
    if (partner !== undefined) free.delete(partner);
  }
  return theirs.scores.length - free.size;
}

/** Gives the peer our weights and image through files. */
async function startPeer(folder: string, model: PanopticCascadeModel): ReturnType<typeof PeerProcess.start> {
  const [weights, pixels, config] = ['weights.safetensors', 'image.f32', 'config.json'].map((name) =>
    join(folder, name),
  );
  const tensors = [...stateDict(model)].map(([name, entry]) => ({ name, ...entry }) as NamedTensor);
  await writeFile(weights!, writeSafetensors(tensors));
  const planes = new Float32Array(3 * height * width);
  const { pixelMean, pixelStd } = model.config;
  for (let i = 0; i < planes.length; i += 1) {
    const channel = Math.floor(i / (height * width));
    planes[i] = (image.data[3 * (i % (height * width)) + channel]! - pixelMean[channel]!) / pixelStd[channel]!;
  }
  await writeFile(pixels!, new Uint8Array(planes.buffer));
  await writeFile(config!, JSON.stringify(model.config));
  const script = fileURLToPath(new URL('../../model/export_peer.py', import.meta.url));
  const args = [weights!, pixels!, config!, String(height), String(width), String(availableParallelism())];
  return PeerProcess.start(script, args);
}

interface PeerAnswer {
  readonly ms: number;
  readonly cpuMs: number;
  readonly scores: readonly number[];
  readonly classes: readonly number[];
  readonly boxes: readonly number[];
}

const backend = await loadTfBackend('auto');
const narrow = cpuHasBfloat16() === true && backend.name === 'tensorflow';
const engines: readonly Engine[] = ['tfjs', ...(narrow ? (['tfjs bfloat16'] as const) : []), 'onnxruntime', 'torch'];
const image = scene();
const results: Record<string, unknown>[] = [];
for (const numClasses of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [300, 800]) {
  const folder = await mkdtemp(join(tmpdir(), 'u2seg-export-'));
  const model = PanopticCascadeModel.create(u2segConfig(numClasses), { seed: 0 });
  const exportStart = performance.now();
  const graph = exportOnnx(model);
  const exportMs = Math.round(performance.now() - exportStart);
  const session = await createOnnxSession(graph, { threads: availableParallelism() });
  const started = await startPeer(folder, model);
  const times: Record<Engine, { ms: number; cpuMs: number }[]> = {
    tfjs: [],
    'tfjs bfloat16': [],
    onnxruntime: [],
    torch: [],
  };
  const found = new Map<Engine, Found>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const engine of engines) {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      let taken: { ms: number; cpuMs: number };
      if (engine === 'torch') {
        if (started === undefined) continue;
        const answer = await started.peer.ask<PeerAnswer>('run');
        taken = { ms: answer.ms, cpuMs: answer.cpuMs };
        found.set(engine, {
          boxesXyxy: Float32Array.from(answer.boxes),
          scores: Float32Array.from(answer.scores),
          classes: Int32Array.from(answer.classes),
        });
      } else {
        const prediction =
          engine === 'onnxruntime'
            ? await inferWithSession(session, model.config, image)
            : model.infer(image, { precision: engine === 'tfjs' ? 'float32' : 'bfloat16' });
        const { user, system } = process.cpuUsage(cpu);
        taken = { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
        found.set(engine, prediction.instances);
      }
      if (round > 0) times[engine].push(taken);
    }
  }
  started?.peer.stop();
  await session.dispose();
  model.dispose();
  await rm(folder, { recursive: true });
  const ours = found.get('onnxruntime')!;
  const rows = engines
    .filter((engine) => found.has(engine))
    .map((engine) => ({
      engine,
      ms: median(times[engine].map(({ ms }) => ms)),
      cpuMs: median(times[engine].map(({ cpuMs }) => cpuMs)),
      detections: found.get(engine)!.scores.length,
      agreeingWithOnnxruntime: agreeing(ours, found.get(engine)!),
    }));
  const msOf = (name: Engine): number | undefined => rows.find(({ engine }) => engine === name)?.ms;
  const [onnxMs, peerMs] = [msOf('onnxruntime')!, msOf('torch')];
  results.push({
    numClasses,
    engines: rows.map((row) => ({
      ...row,
      overOnnxruntime: Number((row.ms / onnxMs).toFixed(2)),
      ...(peerMs !== undefined && { peerOver: Number((peerMs / row.ms).toFixed(2)) }),
    })),
    exportMs,
    graphMb: Math.round(graph.byteLength / 2 ** 20),
    torch: started === undefined ? 'not found' : (started.hello as { torch: string }).torch,
  });
}
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
const summary = {
  job: 'export-inference',
  image: { height, width },
  backend: backend.description,
  cores: availableParallelism(),
  node: process.version,
  commit: git('rev-parse', 'HEAD'),
  dirty: git('status', '--porcelain').length > 0,
  loadAverage: loadavg().map((value) => Number(value.toFixed(1))),
  detectron2MeasuredOnceMs: detectron2Ms,
  results,
};
writeFileSync(new URL('../../model/export-inference.json', import.meta.url), `${JSON.stringify(summary, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
