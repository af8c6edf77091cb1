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
      roi: { ...config.roi, minScore: 0, dropLossIou: 0.4 },
      semantic: { ...config.semantic!, numClasses: stuff + 1 },
    };
  },
  recipe: {
    iterations: 8000,
    batchSize: 16,
    optimizer: { kind: 'adamw', weightDecay: 1e-5, weightDecayNorm: 1e-5, clipNorm: 1 },
    schedule: { baseLr: 1e-4, steps: [], gamma: 1, warmupIterations: 0, warmupFactor: 1 },
    augment: {
      flip: 0.5,
      shortestEdge: [384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704],
      maxSize: 1408,
    },
    copyPaste: { rate: 1, randomCount: true },
    emaDecay: 0.999,
  },
  testSize: { shortestEdge: 640, maxSize: 1280 },
  sources: ['github.com/visinf/cups cups/config.py, configs/train_cityscapes.yaml', 'arXiv:2504.01955'],
  differences: [
    { what: 'iterations', paper: '8,000', code: '8,000 in train_cityscapes.yaml, 4,000 by default' },
    { what: 'gradient clipping', paper: 'not stated', code: 'norm 1 over all parameters; here per parameter' },
    {
      what: 'copy-paste',
      paper: 'up to 8 objects, after 1,000 steps from the own predictions',
      code: 'the same; here CutLER’s rule',
    },
  ],
};
