import { u2segConfig } from '@u2seg/heads';
import type { TrainPreset } from './preset.ts';

/** Pseudo-label stage of CUPS. */
export const cups: TrainPreset = {
  name: 'cups',
  description: 'CUPS, training on pseudo-labels: AdamW, DropLoss at IoU 0.4, resolution jitter, copy-paste',
  network: ({ things, stuff }) => {
    const config = u2segConfig(things);
    return {
      ...config,
      roi: { ...config.roi, minScore: 0.5, dropLossIou: 0.4 },
      semantic: { ...config.semantic!, numClasses: stuff + 1 },
    };
  },
  recipe: {
    iterations: 8000,
    batchSize: 16,
    optimizer: { kind: 'adamw', weightDecay: 1e-5, weightDecayNorm: 0, clipNorm: 1 },
    schedule: { baseLr: 1e-4, steps: [], gamma: 1, warmupIterations: 0, warmupFactor: 1 },
    augment: {
      flip: 0.5,
      shortestEdge: [384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704],
      maxSize: 1408,
    },
    copyPaste: { rate: 1, randomCount: true, maxCount: 8 },
  },
  testSize: { shortestEdge: 640, maxSize: 1280 },
  sources: ['github.com/visinf/cups cups/config.py, configs/train_cityscapes.yaml', 'arXiv:2504.01955'],
  differences: [
    { what: 'iterations', paper: '8,000', code: '8,000 in train_cityscapes.yaml, 4,000 by default' },
    { what: 'gradient clipping', paper: 'not stated', code: 'norm 1 over all parameters; here per parameter' },
    {
      what: 'copy-paste',
      paper: 'up to 8 objects, after 1,000 steps from the own predictions',
      code: 'the same; here by CutLER’s rule, from the labels throughout',
    },
  ],
};

/** Layers CUPS leaves alone in self-training: what is no head, and the normalizations of the semantic head. */
const untouched: readonly string[] = ['backbone.', ...[2, 3, 4, 5].map((level) => `sem_seg_head.p${level}.0.norm`)];
const deeperNorms: readonly string[] = ['p4.2', 'p5.2', 'p5.4'].map((layer) => `sem_seg_head.${layer}.norm`);

/** Self-training of CUPS: a teacher that averages the student's weights labels with test-time augmentation; only heads learn. */
export const cupsSelfTraining: TrainPreset = {
  name: 'cups-self-training',
  description: 'CUPS, one round of self-training: heads only, frozen batch normalization, no DropLoss',
  network: (clusters) => {
    const config = cups.network(clusters);
    const { dropLossIou: _off, ...roi } = config.roi;
    const frozen = 'FrozenBN' as const;
    return {
      ...config,
      resnet: { ...config.resnet, norm: frozen },
      fpn: { ...config.fpn, norm: frozen },
      roi,
    };
  },
  recipe: {
    iterations: 500,
    batchSize: 16,
    optimizer: {
      kind: 'adamw',
      weightDecay: 1e-5,
      weightDecayNorm: 0,
      clipNorm: 1,
      lrFactors: Object.fromEntries([...untouched, ...deeperNorms].map((prefix) => [prefix, 0])),
    },
    schedule: { baseLr: 1e-5, steps: [], gamma: 1, warmupIterations: 0, warmupFactor: 1 },
    augment: cups.recipe.augment!,
    copyPaste: cups.recipe.copyPaste!,
    emaDecay: 0.999,
  },
  roundScores: [0.7, 0.7, 0.7],
  testSize: cups.testSize,
  sources: ['github.com/visinf/cups cups/pl_model_self.py, configs/train_self_cityscapes.yaml', 'arXiv:2504.01955'],
  differences: [
    {
      what: 'score a prediction needs',
      paper: 'raised by 0.05 a round (CONFIDENCE_STEP)',
      code: '0.7 throughout: the step is configured and never read',
    },
    {
      what: 'labels',
      paper: 'the teacher labels every batch anew',
      code: 'the same; here it labels all photos when a round begins',
    },
  ],
};
