/**
 * One side of the training benchmark, in a process of its own so that its peak memory is its own.
 *
 *   node train-worker.js <K> <float32|bfloat16> <folder>
 *
 * Writes weights, image and labels into the folder for the peer, then takes one step for every line it reads.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deriveSeed, SeededRng } from '@u2seg/core';
import { loadTfBackend, PanopticCascadeModel, stateDict, u2segConfig, type Precision } from '@u2seg/heads';
import { writeSafetensors, type NamedTensor } from '@u2seg/interchange';
import { sgd } from '@u2seg/self-train';
import { modelParameters } from '@u2seg/self-train/internal';
import { sceneSize, trainingScene } from './training-scene.ts';

const [numClasses, precision, folder] = [Number(process.argv[2]), process.argv[3] as Precision, process.argv[4]!];
const backend = await loadTfBackend('auto');
const model = PanopticCascadeModel.create(u2segConfig(numClasses), { seed: 0 });
const sample = trainingScene(1, numClasses);
await writePeerFiles();

/** Learning rate at the start of detectron2's warm-up. */
const lr = 1e-5;
const optimizer = sgd(modelParameters(model));
answer({ backend: backend.description });
let round = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const step = model.gradients([sample], { rng: new SeededRng(deriveSeed(0, (round += 1))), precision });
  const backward = performance.now() - start;
  optimizer.step(Object.fromEntries(step.gradients), lr);
  for (const gradient of step.gradients.values()) gradient.dispose();
  const { user, system } = process.cpuUsage(cpu);
  answer({
    ms: performance.now() - start,
    cpuMs: (user + system) / 1000,
    optimizerMs: performance.now() - start - backward,
    total: step.total,
    foreground: step.counts.foregroundRegions[0],
    peakMb: process.resourceUsage().maxRSS / 1024,
  });
}

async function writePeerFiles(): Promise<void> {
  const { height, width } = sceneSize;
  const tensors = [...stateDict(model)].map(([name, entry]) => ({ name, ...entry }) as NamedTensor);
  await writeFile(join(folder, 'weights.safetensors'), writeSafetensors(tensors));
  const { pixelMean, pixelStd } = model.config;
  const planes = new Float32Array(3 * height * width);
  for (let i = 0; i < planes.length; i += 1) {
    const channel = Math.floor(i / (height * width));
    planes[i] = (sample.image.data[3 * (i % (height * width)) + channel]! - pixelMean[channel]!) / pixelStd[channel]!;
  }
  await writeFile(join(folder, 'image.f32'), new Uint8Array(planes.buffer));
  const { boxesXyxy, classes, masks } = sample.instances;
  await writeFile(join(folder, 'masks.u8'), Buffer.concat(masks.map(({ data }) => data)));
  await writeFile(join(folder, 'semantic.u8'), sample.semantic as Uint8Array);
  const truth = {
    boxes: [...boxesXyxy],
    classes: [...classes],
    masks: join(folder, 'masks.u8'),
    semantic: join(folder, 'semantic.u8'),
  };
  await writeFile(join(folder, 'truth.json'), JSON.stringify(truth));
  await writeFile(join(folder, 'config.json'), JSON.stringify(model.config));
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
