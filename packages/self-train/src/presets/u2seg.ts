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

/** The same as the paper's text has it; it names no step on COCO. */
function asInPaper(code: TrainPreset): TrainPreset {
  return {
    ...code,
    name: `${code.name}-paper`,
    description: `${code.description}, by the paper's text instead of the released configuration`,
    recipe: {
      ...code.recipe,
      iterations: 90_000,
      schedule: { ...code.recipe.schedule, steps: [] },
      copyPaste: { rate: 1, randomCount: true, minRatio: 0.3, maxRatio: 1 },
    },
    sources: ['arXiv:2312.17243, implementation details', ...code.sources.slice(0, 1)],
  };
}

/** U2Seg with 300 thing clusters. */
export const u2seg300: TrainPreset = u2seg(300);

/** U2Seg with 800 thing clusters. */
export const u2seg800: TrainPreset = u2seg(800);

/** {@link u2seg300} where paper and code differ, by the paper. */
export const u2seg300Paper: TrainPreset = asInPaper(u2seg300);

/** {@link u2seg800} where paper and code differ, by the paper. */
export const u2seg800Paper: TrainPreset = asInPaper(u2seg800);
