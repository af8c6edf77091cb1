import { cutlerConfig, tinyConfig, u2segConfig } from '@u2seg/heads';
import type { TrainRecipe } from '../train/train-recipe.ts';
import type { TrainPreset } from './preset.ts';

/**
 * The recipe of the `tiny` preset for a number of optimizer steps: AdamW, because a few hundred steps of SGD do not get a
 * randomly initialized network off the ground.
 */
export function tinyRecipe(iterations: number): Omit<TrainRecipe, 'seed'> {
  return {
    iterations,
    batchSize: 4,
    optimizer: { kind: 'adamw', weightDecay: 1e-4, weightDecayNorm: 0, clipNorm: 1 },
    schedule: {
      baseLr: 2e-3,
      steps: [0.7, 0.9].map((share) => Math.max(1, Math.floor(share * iterations))).filter(distinct),
      gamma: 0.1,
      warmupIterations: Math.min(50, Math.floor(iterations / 4)),
      warmupFactor: 0.01,
    },
    augment: { flip: 0.5, shortestEdge: [] },
    preciseBnBatches: 20,
  };
}

/** A small network for photos of about 256 pixels on two cores. */
export const tiny: TrainPreset = {
  name: 'tiny',
  description: 'A hundredth of the cost: narrow ResNet with one block a stage, for small photos on two cores',
  network: ({ things, stuff }) => {
    const config = tinyConfig(u2segConfig(things));
    return { ...config, semantic: { ...config.semantic!, numClasses: stuff + 1 } };
  },
  recipe: tinyRecipe(300),
  testSize: { shortestEdge: 192, maxSize: 320 },
  sources: ['experiments/it-learns'],
  differences: [],
};

/** The tiny network as CutLER trains its own: one class, no semantic branch, DropLoss, copy-paste. */
export const tinyAgnostic: TrainPreset = {
  name: 'tiny-agnostic',
  description: "CutLER's first stage at a hundredth of the cost: class-agnostic, DropLoss at IoU 0.01, copy-paste",
  network: () => {
    const config = tinyConfig(cutlerConfig({ dropLoss: true }));
    return { ...config, roi: { ...config.roi, minScore: 0 } };
  },
  recipe: { ...tinyRecipe(300), copyPaste: { rate: 1, randomCount: true, minRatio: 0.3, maxRatio: 1 } },
  testSize: tiny.testSize,
  sources: ['experiments/self-training'],
  differences: [],
};

function distinct(value: number, i: number, all: readonly number[]): boolean {
  return all.indexOf(value) === i;
}
