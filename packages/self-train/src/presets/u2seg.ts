import { u2segConfig } from '@u2seg/heads';
import { augmentDefaults } from '../augment/augment.ts';
import { lrScheduleDefaults } from '../optimizer/lr-schedule.ts';
import type { TrainPreset } from './preset.ts';

const testSize = { shortestEdge: 800, maxSize: 1333 };

function u2seg(clusters: 300 | 800): TrainPreset {
  return {
    name: `u2seg-${clusters}`,
    description: `U2Seg's Panoptic Cascade Mask R-CNN, ${clusters} thing clusters and 27 stuff clusters`,
    network: ({ things, stuff }) => {
      const config = u2segConfig(things);
      return { ...config, semantic: { ...config.semantic!, numClasses: stuff + 1 } };
    },
    recipe: {
      iterations: 270_000,
      batchSize: 16,
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-5, weightDecayNorm: 0, clipNorm: 1 },
      schedule: lrScheduleDefaults,
      augment: augmentDefaults,
      preciseBnBatches: 200,
    },
    testSize,
    sources: [
      `github.com/u2seg/U2Seg 8e9c709 configs/COCO-PanopticSegmentation/u2seg_R50_${clusters}.yaml`,
      'arXiv:2312.17243, implementation details',
    ],
    differences: [
      {
        what: 'iterations',
        paper: '90,000 (COCO), 2 epochs (ImageNet)',
        code: '270,000, steps at 210,000 and 250,000',
      },
      { what: 'learning rate after the step', paper: '5e-5', code: '2e-4 (factor 0.02 on 0.01), then 4e-6' },
      { what: 'copy-paste', paper: 'used, as in CutLER', code: 'absent' },
    ],
  };
}

/** U2Seg with 300 thing clusters. */
export const u2seg300: TrainPreset = u2seg(300);

/** U2Seg with 800 thing clusters. */
export const u2seg800: TrainPreset = u2seg(800);
