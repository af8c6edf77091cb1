import { encodeMask, rleArea, rleBbox, type Segment } from '@u2seg/core';
import { generateScene, sceneCategories, type SceneOptions } from '@u2seg/datasets';
import { tinyConfig, u2segConfig, type DetectorConfig } from '@u2seg/heads';
import type { TrainingExample, TrainingSet } from '@u2seg/self-train';

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
