import { decodeMask } from '@u2seg/core';
import type { TrainSample } from '@u2seg/heads';
import type { TrainingExample } from '../data/training-set.ts';

/** What the network's training pass takes: masks decoded, boxes as corners. */
export function trainSample(example: TrainingExample): TrainSample {
  const { image, instances, semantic, ignore } = example;
  return {
    image,
    instances: {
      boxesXyxy: Float32Array.from(
        instances.flatMap(({ bboxXywh: [x, y, width, height] }) => [x, y, x + width, y + height]),
      ),
      classes: Int32Array.from(instances, ({ clusterId }) => clusterId),
      masks: instances.map(({ mask }) => decodeMask(mask)),
    },
    ...(semantic === undefined ? {} : { semantic }),
    ...(ignore === undefined ? {} : { ignore: { data: ignore, height: image.height, width: image.width } }),
  };
}
