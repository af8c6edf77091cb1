import { cutlerConfig, maskRcnnConfig } from '@u2seg/heads';
import { augmentDefaults } from '../augment/augment.ts';
import type { TrainPreset } from './preset.ts';

const repository = 'github.com/facebookresearch/CutLER cca0a27 cutler/model_zoo/configs/CutLER-ImageNet';
const differences = [
  {
    what: 'base learning rate of stage 1 and of the rounds',
    paper: '0.005 and 0.01 (swapped)',
    code: '0.01 and 0.005',
  },
];
const common = {
  batchSize: 16,
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-5, weightDecayNorm: 0, clipNorm: 1 },
  augment: augmentDefaults,
  preciseBnBatches: 200,
} as const;
const testSize = { shortestEdge: 800, maxSize: 1333 };
const warmup = { warmupIterations: 1000, warmupFactor: 0.001 };

/** CutLER's detector on MaskCut's masks, with DropLoss. */
export const cutlerStage1: TrainPreset = {
  name: 'cutler-stage1',
  description: "CutLER's class-agnostic Cascade Mask R-CNN, first stage: DropLoss at IoU 0.01, copy-paste",
  network: () => {
    const config = cutlerConfig({ dropLoss: true });
    return { ...config, roi: { ...config.roi, minScore: 0 } };
  },
  recipe: {
    ...common,
    iterations: 160_000,
    schedule: { baseLr: 0.01, steps: [80_000], gamma: 0.02, ...warmup },
    copyPaste: { rate: 1, randomCount: true, minRatio: 0.3, maxRatio: 1 },
  },
  testSize,
  sources: [`${repository}/cascade_mask_rcnn_R_50_FPN.yaml`],
  differences,
};

/** CutLER's first stage on plain Mask R-CNN. */
export const cutlerMaskRcnn: TrainPreset = {
  ...cutlerStage1,
  name: 'cutler-mask-rcnn',
  description: "CutLER's class-agnostic Mask R-CNN without a cascade, first stage: DropLoss at IoU 0.01, copy-paste",
  network: () => {
    const config = maskRcnnConfig({ dropLoss: true });
    return { ...config, roi: { ...config.roi, minScore: 0 } };
  },
  recipe: {
    ...cutlerStage1.recipe,
    // The configuration leaves GAMMA out, so detectron2's default applies.
    schedule: { ...cutlerStage1.recipe.schedule, gamma: 0.1 },
  },
  sources: [`${repository}/mask_rcnn_R_50_FPN.yaml`],
};

function round(number: 1 | 2): TrainPreset {
  return {
    name: `cutler-round${number}`,
    description: `CutLER's self-training round ${number}: no DropLoss, larger pasted photos`,
    network: () => {
      const config = cutlerConfig({ dropLoss: false });
      // The configuration of the rounds does not repeat the first stage's proposal settings, so detectron2's apply.
      const rpn = { ...config.rpn, nmsThreshold: 0.7, postNmsTopk: { train: 1000, test: 1000 } };
      return { ...config, rpn, roi: { ...config.roi, minScore: 0 } };
    },
    recipe: {
      ...common,
      // Left out of the configuration too: detectron2's default, twice that of the first stage.
      optimizer: { ...common.optimizer, weightDecay: 1e-4 },
      iterations: 80_000,
      schedule: { baseLr: 0.005, steps: [79_999], gamma: 1, ...warmup },
      copyPaste: { rate: 1, randomCount: true, minRatio: 0.5, maxRatio: 1 },
    },
    testSize,
    roundScores: [number === 1 ? 0.7 : 0.65],
    sources: [`${repository}/cascade_mask_rcnn_R_50_FPN_self_train.yaml`, 'CutLER README, self-training'],
    differences,
  };
}

/** First round of self-training, on predictions scored 0.7 and better. */
export const cutlerRound1: TrainPreset = round(1);

/** Second round, on predictions scored 0.65 and better. */
export const cutlerRound2: TrainPreset = round(2);
