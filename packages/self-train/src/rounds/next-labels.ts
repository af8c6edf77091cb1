import { rleIou, type Segment } from '@u2seg/core';
import type { TrainingExample } from '../data/training-set.ts';
import { mergePanoptic, type MergeOptions } from '../merge/merge-panoptic.ts';
import type { PanopticPrediction } from '../prediction/predict-panoptic.ts';

export interface NextLabelOptions {
  /** Predictions with a lower score are not believed; kept when `score >= minScore`. */
  readonly minScore?: number;
  /** An old label stays when no believed prediction overlaps it by this IoU or more. */
  readonly maxIou?: number;
  /** Largest number of predictions taken from a photo, best first. */
  readonly maxPredictions?: number;
  /** Stuff of the next round: what the network says, or the labels it was trained on. */
  readonly stuff?: 'predicted' | 'previous';
  readonly merge?: MergeOptions;
}

/** CutLER's first round (its second uses 0.65); stuff follows the network, which CutLER does not have. */
export const nextLabelDefaults: Required<Omit<NextLabelOptions, 'merge'>> = {
  minScore: 0.7,
  maxIou: 0.5,
  maxPredictions: 100,
  stuff: 'predicted',
};

/**
 * Labels of the next round from those of this round and a network's prediction (CutLER's `get_self_training_ann.py`).
 *
 * 1. believe the predictions with enough score;
 * 2. add the old labels none of them overlaps;
 * 3. merge them with the stuff into a new semantic target.
 *
 * @returns the example with new labels: predictions first, by score, then what is left of the old ones
 */
export function nextLabels(
  example: TrainingExample,
  prediction: PanopticPrediction,
  options: NextLabelOptions = {},
): TrainingExample {
  const { minScore, maxIou, maxPredictions, stuff, merge } = { ...nextLabelDefaults, ...options };
  const believed = prediction.instances.filter(({ score }) => score >= minScore).slice(0, maxPredictions);
  const kept = example.instances.filter((old) => believed.every((one) => !(rleIou(one.mask, old.mask) >= maxIou)));
  const instances: Segment[] = [...believed, ...kept];
  if (example.semantic === undefined) return { ...example, instances };
  const { height, width } = example.image;
  const source = stuff === 'predicted' ? (prediction.semantic ?? example.semantic) : example.semantic;
  // 0 means thing and 255 unknown; shifted by one, both fall outside the stuff clusters.
  const clusters = Int16Array.from(source, (value) => (value === 255 ? -1 : value - 1));
  const label = mergePanoptic(instances, clusters, height, width, { ...merge, stuffClusters: 254 });
  return { ...example, instances, semantic: label.semantic };
}
