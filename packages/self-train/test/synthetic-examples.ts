import { encodeMask, rleArea, rleBbox, type Segment } from '@u2seg/core';
import { generateScene, sceneCategories, type SceneOptions } from '@u2seg/datasets';
import { tinyConfig, u2segConfig, type DetectorConfig } from '@u2seg/heads';
import type { TrainingExample, TrainingSet, TrainPanopticOptions } from '@u2seg/self-train';

export const thingCategories: number = sceneCategories.filter((category) => category.isThing).length;
export const stuffCategories: number = sceneCategories.length - thingCategories;

/** A synthetic scene with its true labels as training example; cluster ids follow the categories' order. */
export function sceneExample(seed: number, options: SceneOptions): TrainingExample {
  const { image, panoptic, segments } = generateScene(seed, options);
  const { height, width } = image;
  const semantic = new Uint8Array(height * width);
  const instances: Segment[] = [];
  for (const { id, isThing, categoryId } of segments) {
    const data = new Uint8Array(height * width);
    panoptic.ids.forEach((value, p) => {
      if (value !== id) return;
      data[p] = 1;
      semantic[p] = isThing ? 0 : categoryId - thingCategories;
    });
    if (!isThing) continue;
    const mask = encodeMask({ data, height, width });
    instances.push({ mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score: 1, clusterId: categoryId - 1 });
  }
  return { image, instances, semantic, name: `scene ${seed}` };
}

export function inMemory(examples: readonly TrainingExample[]): TrainingSet {
  return { length: examples.length, load: async (index) => examples[index]! };
}

/** A network that takes a fraction of a second a step on any backend; for tests of the trainer, not of the network. */
export function smallestConfig(): DetectorConfig {
  const tiny = tinyConfig(u2segConfig(thingCategories));
  return {
    ...tiny,
    resnet: { ...tiny.resnet, stemChannels: 4, res2Channels: 8, widthPerGroup: 4 },
    fpn: { ...tiny.fpn, channels: 8 },
    rpn: {
      ...tiny.rpn,
      batchSizePerImage: 32,
      preNmsTopk: { train: 60, test: 60 },
      postNmsTopk: { train: 40, test: 40 },
    },
    roi: { ...tiny.roi, batchSizePerImage: 24, detectionsPerImage: 10 },
    boxHead: { ...tiny.boxHead, fcChannels: 16 },
    maskHead: { ...tiny.maskHead, numConvs: 1, convChannels: 8 },
    semantic: { ...tiny.semantic!, numClasses: stuffCategories + 1, channels: 32 },
  };
}

/**
 * A run of a few steps over {@link smallestScenes} that takes every part of the recipe: flips, copy-paste, warm-up, a step of
 * the learning rate, and the average of the weights.
 */
export const smallestRecipe: TrainPanopticOptions = {
  iterations: 4,
  batchSize: 2,
  optimizer: { kind: 'sgd' },
  schedule: { baseLr: 0.01, steps: [3], gamma: 0.1, warmupIterations: 2, warmupFactor: 0.1 },
  augment: { flip: 0.5, shortestEdge: [] },
  copyPaste: {},
  emaDecay: 0.9,
  seed: 5,
};

/** Scenes that {@link smallestConfig} sees in a fraction of a second. */
export function smallestScenes(count: number): TrainingExample[] {
  return Array.from({ length: count }, (_, seed) => sceneExample(seed, { height: 64, width: 96 }));
}
