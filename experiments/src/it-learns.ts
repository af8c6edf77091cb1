/**
 * Does the network learn? Panoptic quality on synthetic scenes it has not seen, trained from true labels.
 *
 *   node experiments/dist/it-learns.js
 *
 * Result: `experiments/it-learns/summary.json`.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { encodeMask, rleArea, rleBbox, writeFileAtomic, type Segment } from '@u2seg/core';
import { generateScene, sceneCategories, type Scene } from '@u2seg/datasets';
import { loadTfBackend, PanopticCascadeModel } from '@u2seg/heads';
import { PanopticQuality, type PanopticReport } from '@u2seg/metrics';
import {
  predictPanoptic,
  tiny,
  tinyRecipe,
  trainPanoptic,
  type TrainingExample,
  type TrainingSet,
} from '@u2seg/self-train';
import { studyMachine } from './study-machine.ts';
import { isMain } from './is-main.ts';

export interface ItLearnsConfig {
  readonly trainScenes: number;
  readonly testScenes: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  readonly iterations: number;
  readonly seed: number;
}

export const itLearns: ItLearnsConfig = {
  trainScenes: 200,
  testScenes: 50,
  height: 192,
  width: 256,
  iterations: 600,
  seed: 1,
};

/** Seeds of the test scenes start here; training scenes count from 0. */
const firstTestSeed = 100_000;
const things = sceneCategories.filter(({ isThing }) => isThing).length;

/** A scene with its true labels; cluster ids follow the order of the categories. */
export function labelledScene(scene: Scene, name: string): TrainingExample {
  const { image, panoptic, segments } = scene;
  const { height, width } = image;
  const semantic = new Uint8Array(height * width);
  const instances: Segment[] = [];
  for (const { id, isThing, categoryId } of segments) {
    const data = new Uint8Array(height * width);
    panoptic.ids.forEach((value, p) => {
      if (value !== id) return;
      data[p] = 1;
      semantic[p] = isThing ? 0 : categoryId - things;
    });
    if (!isThing) continue;
    const mask = encodeMask({ data, height, width });
    instances.push({ mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score: 1, clusterId: categoryId - 1 });
  }
  return { image, instances, semantic, name };
}

/** Panoptic quality of a network on scenes, clusters taken as the categories they were trained as. */
export async function scoreScenes(model: PanopticCascadeModel, scenes: readonly Scene[]): Promise<PanopticReport> {
  const quality = new PanopticQuality(sceneCategories);
  for (const scene of scenes) {
    const { panoptic } = await predictPanoptic(model, scene.image);
    const segments = panoptic!.segments.map(({ id, isThing, category }) => ({
      id,
      categoryId: isThing ? category + 1 : category + things,
    }));
    const truth = scene.segments.map(({ id, categoryId }) => ({ id, categoryId }));
    quality.update({ ids: scene.panoptic.ids, segments: truth }, { ids: Uint32Array.from(panoptic!.ids), segments });
  }
  return quality.compute();
}

/** Trains and scores; the summary says on what machine and how busy it was. */
export async function runItLearns(
  config: ItLearnsConfig,
  folder: string,
  say: (line: string) => void,
): Promise<Readonly<Record<string, unknown>>> {
  const backend = await loadTfBackend('auto');
  say(backend.description);
  const { height, width, seed, iterations } = config;
  const scene = (sceneSeed: number): Scene => generateScene(sceneSeed, { height, width });
  const train = Array.from({ length: config.trainScenes }, (_, i) => labelledScene(scene(i), `scene ${i}`));
  const test = Array.from({ length: config.testScenes }, (_, i) => scene(firstTestSeed + i));
  const data: TrainingSet = { length: train.length, load: async (index) => train[index]! };
  const model = PanopticCascadeModel.create(tiny.network({ things, stuff: sceneCategories.length - things }), { seed });
  const started = Date.now();
  const recipe = tinyRecipe(iterations);
  const memory: { iteration: number; tensors: number; rssMiB: number }[] = [];
  const { curve } = await trainPanoptic(model, data, {
    ...recipe,
    seed,
    folder,
    checkpointEvery: 100,
    onProgress: ({ done, values }) => {
      const { loss, imagesPerSecond, secondsLeft, tensors, memoryMiB } = values as Record<string, number>;
      if (done === 1 || done % 100 === 0) {
        memory.push({ iteration: done, tensors: tensors!, rssMiB: Math.round(memoryMiB!) });
      }
      if (done % 25 === 0) {
        say(
          `${done} loss ${loss!.toFixed(3)} ${imagesPerSecond!.toFixed(2)} images/s ${secondsLeft!.toFixed(0)} s left`,
        );
      }
    },
  });
  const trainSeconds = (Date.now() - started) / 1000;
  const scored = Date.now();
  const report = await scoreScenes(model, test);
  const secondsPerPrediction = (Date.now() - scored) / 1000 / test.length;
  const percent = ({ pq, sq, rq }: { pq: number; sq: number; rq: number }): Record<string, number> =>
    Object.fromEntries(Object.entries({ pq, sq, rq }).map(([name, value]) => [name, Number((100 * value).toFixed(2))]));
  model.dispose();
  return {
    question: 'Panoptic quality on unseen synthetic scenes after training from true labels with the tiny preset',
    config: { ...config, recipe },
    protocol:
      'PQ over the classes that occur, clusters identified with the categories they were trained as (no matching)',
    test: { all: percent(report.all), things: percent(report.things), stuff: percent(report.stuff) },
    perClass: report.perClass.map(({ name, pq, tp, fp, fn }) => ({
      name,
      pq: Number((100 * pq).toFixed(2)),
      tp,
      fp,
      fn,
    })),
    loss: [1, ...curve.map(({ iteration }) => iteration).filter((i) => i % 25 === 0)].map((i) => ({
      iteration: i,
      total: Number(curve[i - 1]!.total.toFixed(4)),
    })),
    memory,
    trainSeconds: Math.round(trainSeconds),
    imagesPerSecond: Number(((iterations * recipe.batchSize) / trainSeconds).toFixed(2)),
    secondsPerPrediction: Number(secondsPerPrediction.toFixed(3)),
    machine: studyMachine(backend.description),
  };
}

if (isMain(import.meta.url)) {
  const iterations = Number(process.env['U2SEG_ITERATIONS'] ?? itLearns.iterations);
  const root = new URL('../', import.meta.url);
  const folder = fileURLToPath(new URL(`../runs/it-learns-${iterations}/`, root));
  await mkdir(folder, { recursive: true });
  const summary = await runItLearns({ ...itLearns, iterations }, folder, (line) => console.log(line));
  await writeFileAtomic(
    fileURLToPath(new URL('it-learns/summary.json', root)),
    `${JSON.stringify(summary, null, 2)}\n`,
  );
  console.log(summary['test']);
}
