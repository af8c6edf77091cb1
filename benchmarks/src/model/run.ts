/**
 * Training step and inference of the full-width Panoptic Cascade Mask R-CNN (R50-FPN) on one image.
 *
 *   npm run build && node benchmarks/dist/model/run.js [K ...]
 *
 * Writes benchmarks/model/summary.json.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { deriveSeed, SeededRng, seededRng, type BinaryMask } from '@u2seg/core';
import { loadTfBackend, PanopticCascadeModel, u2segConfig, type TrainSample } from '@u2seg/heads';

const [height, width, instances] = [480, 640, 7];
/** Milliseconds detectron2 on torch 2.5 took on the same machine when it was idle; measured once. */
const detectron2 = { trainStep: 4970, inference: 1990 };
const rounds = { train: 5, infer: 5 };

/** Noise with seven bright ellipses, each a thing; four stripes of stuff behind. */
function scene(seed: number, numClasses: number): TrainSample {
  const rng = seededRng(seed);
  const data = new Uint8Array(height * width * 3).map(() => 100 * rng());
  const semantic = new Uint8Array(height * width).map((_, i) => 1 + Math.floor(i / width / (height / 4)));
  const masks: BinaryMask[] = [];
  const boxes: number[] = [];
  for (let k = 0; k < instances; k += 1) {
    const [rx, ry] = [20 + 60 * rng(), 20 + 60 * rng()];
    const [cx, cy] = [rx + (width - 2 * rx) * rng(), ry + (height - 2 * ry) * rng()];
    const mask = new Uint8Array(height * width);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 > 1) continue;
        mask[y * width + x] = 1;
        semantic[y * width + x] = 0;
        data.fill(150 + 15 * k, 3 * (y * width + x), 3 * (y * width + x) + 3);
      }
    }
    masks.push({ data: mask, height, width });
    boxes.push(cx - rx, cy - ry, cx + rx, cy + ry);
  }
  const classes = Int32Array.from({ length: instances }, () => Math.floor(rng() * numClasses));
  return {
    image: { data, height, width },
    instances: { boxesXyxy: Float32Array.from(boxes), classes, masks },
    semantic,
  };
}

/** SGD with momentum, weight decay and per-parameter clipping, as the reference trains. */
function update(
  model: PanopticCascadeModel,
  gradients: Map<string, tf.Tensor>,
  velocities: Map<string, tf.Tensor>,
): void {
  for (const [name, variable] of model.parameters()) {
    const gradient = gradients.get(name)!;
    const velocity = tf.tidy(() => {
      const clip = tf.minimum(tf.div(1, tf.add(tf.norm(gradient), 1e-6)), 1);
      const decayed = tf.add(tf.mul(gradient, clip), tf.mul(variable, 5e-5));
      const before = velocities.get(name);
      return before === undefined ? decayed : tf.add(tf.mul(before, 0.9), decayed);
    });
    velocities.get(name)?.dispose();
    velocities.set(name, velocity);
    const moved = tf.tidy(() => tf.sub(variable, tf.mul(velocity, 1e-5)));
    variable.assign(moved);
    tf.dispose([moved, gradient]);
  }
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;
const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
const backend = await loadTfBackend('auto');
const results: Record<string, unknown>[] = [];
for (const numClasses of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [300, 800]) {
  const model = PanopticCascadeModel.create(u2segConfig(numClasses), { seed: 0 });
  const sample = scene(1, numClasses);
  const velocities = new Map<string, tf.Tensor>();
  const trainTimes: number[] = [];
  let counts: unknown;
  for (let round = 0; round <= rounds.train; round += 1) {
    const start = performance.now();
    const step = model.gradients([sample], { rng: new SeededRng(deriveSeed(0, round)) });
    update(model, step.gradients, velocities);
    if (round > 0) trainTimes.push(performance.now() - start);
    counts = step.counts;
  }
  tf.dispose([...velocities.values()]);
  const peakMb = megabytes(process.resourceUsage().maxRSS * 1024);
  const inferTimes: number[] = [];
  let detections = 0;
  for (let round = 0; round <= rounds.infer; round += 1) {
    const start = performance.now();
    detections = model.infer(sample.image).instances.scores.length;
    if (round > 0) inferTimes.push(performance.now() - start);
  }
  model.dispose();
  const trainMs = Math.round(median(trainTimes));
  const inferMs = Math.round(median(inferTimes));
  results.push({
    numClasses,
    trainStepMs: trainMs,
    trainSpeedup: Number((detectron2.trainStep / trainMs).toFixed(2)),
    inferenceMs: inferMs,
    inferenceSpeedup: Number((detectron2.inference / inferMs).toFixed(2)),
    detections,
    peakMb,
    counts,
  });
}
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
const summary = {
  job: 'model',
  image: { height, width, instances },
  backend: backend.description,
  node: process.version,
  commit: git('rev-parse', 'HEAD'),
  dirty: git('status', '--porcelain').length > 0,
  loadAverage: loadavg().map((value) => Number(value.toFixed(1))),
  peerMeasuredOnce: detectron2,
  results,
};
writeFileSync(new URL('../../model/summary.json', import.meta.url), `${JSON.stringify(summary, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
