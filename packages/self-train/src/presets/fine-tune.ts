import { U2SegError } from '@u2seg/core';
import { u2segConfig } from '@u2seg/heads';
import type { TrainPreset } from './preset.ts';

interface FineTuneSchedule {
  readonly baseLr: number;
  readonly steps: readonly [number, number];
  readonly iterations: number;
  /** Factor on the learning rate of the layers whose shape depends on the classes, which start from random values. */
  readonly predictorFactor: number;
}

/** By percentage of COCO's training labels; CutLER's released configurations. */
const schedules: ReadonlyMap<number, FineTuneSchedule> = new Map(
  [
    [1, 2400, 3200, 3600],
    [2, 2400, 3200, 3600],
    [5, 3000, 4000, 4500],
    [10, 6000, 8000, 9000],
    [20, 12_000, 16_000, 18_000],
    [30, 18_000, 24_000, 27_000],
    [40, 24_000, 32_000, 36_000],
    [50, 30_000, 40_000, 45_000],
    [60, 36_000, 48_000, 54_000],
    [80, 48_000, 64_000, 72_000],
    [100, 60_000, 80_000, 90_000],
  ].map(([percent, first, second, iterations]) => {
    const steps = [first!, second!] as const;
    const few = percent! < 50;
    return [percent!, { baseLr: few ? 0.04 : 0.02, steps, iterations: iterations!, predictorFactor: few ? 4 : 2 }];
  }),
);

/** Percentages of labels there is a recipe for, ascending. */
export const fineTunePercentages: readonly number[] = [...schedules.keys()];

/** The layers CutLER's configurations name. */
const predictors: readonly string[] = [
  'roi_heads.mask_head.predictor',
  ...[0, 1, 2].flatMap((stage) =>
    ['cls_score', 'bbox_pred'].map((layer) => `roi_heads.box_predictor.${stage}.${layer}`),
  ),
];

/**
 * Supervised fine-tuning on a share of COCO's labels (U2Seg, Fig. 7): CutLER's recipe for that share, class-aware, on the
 * network U2Seg trains.
 *
 * Start it from label-free weights; what depends on the number of classes keeps its random start. With no stuff class the
 * network has no semantic branch, and is CutLER's.
 *
 * @param percent - one of {@link fineTunePercentages}
 * @throws U2SegError `not-found` for a share without a recipe
 */
export function fineTunePreset(percent: number): TrainPreset {
  const schedule = schedules.get(percent);
  if (schedule === undefined) {
    const known = fineTunePercentages.join(', ');
    throw new U2SegError('not-found', `fineTunePreset: percent must be one of ${known}, got ${percent}.`);
  }
  const { baseLr, steps, iterations, predictorFactor } = schedule;
  return {
    name: `fine-tune-${percent}`,
    description: `Supervised fine-tuning on ${percent} % of COCO's labels`,
    network: ({ things, stuff }) => {
      const { semantic, ...config } = u2segConfig(things);
      // The configurations set RPN.POST_NMS_TOPK_TRAIN only; suppression is detectron2's.
      const rpn = { ...config.rpn, nmsThreshold: 0.7, postNmsTopk: { train: 2000, test: 1000 } };
      return { ...config, rpn, ...(stuff > 0 && { semantic: { ...semantic!, numClasses: stuff + 1 } }) };
    },
    recipe: {
      iterations,
      batchSize: 16,
      optimizer: {
        kind: 'sgd',
        momentum: 0.9,
        weightDecay: 1e-4,
        weightDecayNorm: 0,
        clipNorm: Number.POSITIVE_INFINITY,
        lrFactors: Object.fromEntries(predictors.map((name) => [name, predictorFactor])),
      },
      schedule: { baseLr, steps, gamma: 0.1, warmupIterations: 1000, warmupFactor: 0.001 },
      augment: { flip: 0.5, shortestEdge: [640, 672, 704, 736, 768, 800], maxSize: 1333 },
      preciseBnBatches: 200,
    },
    testSize: { shortestEdge: 800, maxSize: 1333 },
    sources: [
      `github.com/facebookresearch/CutLER cca0a27 cutler/model_zoo/configs/COCO-Semisupervised/cascade_mask_rcnn_R_50_FPN_${percent}perc.yaml`,
      'arXiv:2312.17243, Fig. 7',
    ],
    differences: [],
  };
}
