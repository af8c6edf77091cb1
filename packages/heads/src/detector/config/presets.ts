import type { DetectorConfig, RoiStage } from './config.ts';

/** Cascade R-CNN's three stages (arXiv:1712.00726). */
export const cascadeStages: readonly RoiStage[] = [
  { iou: 0.5, deltaWeights: [10, 10, 5, 5] },
  { iou: 0.6, deltaWeights: [20, 20, 10, 10] },
  { iou: 0.7, deltaWeights: [30, 30, 15, 15] },
];

/**
 * U2Seg's Panoptic Cascade Mask R-CNN with R50-FPN (released configuration `u2seg_R50_300.yaml`): K thing clusters,
 * 27 stuff clusters.
 */
export function u2segConfig(numClasses = 300): DetectorConfig {
  return {
    resnet: {
      stemChannels: 64,
      res2Channels: 256,
      widthPerGroup: 64,
      blocks: [3, 4, 6, 3],
      norm: 'SyncBN',
      freezeAt: 0,
    },
    fpn: { channels: 256, norm: 'SyncBN' },
    rpn: {
      anchorSizes: [[32], [64], [128], [256], [512]],
      aspectRatios: [0.5, 1, 2],
      iouThresholds: [0.3, 0.7],
      batchSizePerImage: 256,
      positiveRatio: 0.5,
      nmsThreshold: 0.65,
      preNmsTopk: { train: 2000, test: 1000 },
      postNmsTopk: { train: 4000, test: 1000 },
      lossWeight: 1,
    },
    roi: {
      numClasses,
      batchSizePerImage: 512,
      positiveRatio: 0.25,
      stages: cascadeStages,
      cascade: true,
      classAgnosticBoxes: true,
      minScore: 0.05,
      nmsThreshold: 0.5,
      detectionsPerImage: 100,
    },
    boxHead: {
      numConvs: 0,
      convChannels: 256,
      numFcs: 2,
      fcChannels: 1024,
      norm: '',
      poolSize: 7,
      samplingRatio: 0,
    },
    maskHead: { numConvs: 4, convChannels: 256, norm: '', classAgnostic: false, poolSize: 14, samplingRatio: 0 },
    semantic: { numClasses: 28, channels: 128, norm: 'GN', lossWeight: 0.5, ignoreLabel: 255 },
    panoptic: { overlapThreshold: 0.5, minStuffArea: 4096, minInstanceScore: 0.5 },
    pixelMean: [123.675, 116.28, 103.53],
    pixelStd: [58.395, 57.12, 57.375],
  };
}

/**
 * CutLER's class-agnostic Cascade Mask R-CNN (released configuration `cascade_mask_rcnn_R_50_FPN.yaml`) with DropLoss
 * at IoU 0.01; self-training rounds leave DropLoss out.
 */
export function cutlerConfig(options: { readonly dropLoss?: boolean } = {}): DetectorConfig {
  const { semantic: _none, ...base } = u2segConfig(1);
  return { ...base, roi: { ...base.roi, ...(options.dropLoss !== false && { dropLossIou: 0.01 }) } };
}

/** CutLER's class-agnostic Mask R-CNN without a cascade. */
export function maskRcnnConfig(options: { readonly dropLoss?: boolean } = {}): DetectorConfig {
  const base = cutlerConfig(options);
  return {
    ...base,
    roi: { ...base.roi, stages: [cascadeStages[0]!], cascade: false, classAgnosticBoxes: false },
  };
}

/**
 * The same network at about a hundredth of the cost, for images of 256 pixels on two cores: narrow layers, one block a
 * stage, smaller anchors and sample counts, two samples a bin and axis instead of as many as the region is large, and
 * one mask for all classes, which learns from every instance.
 */
export function tinyConfig(base: DetectorConfig): DetectorConfig {
  return {
    ...base,
    resnet: { ...base.resnet, stemChannels: 16, res2Channels: 32, widthPerGroup: 16, blocks: [1, 1, 1, 1] },
    fpn: { ...base.fpn, channels: 32 },
    rpn: {
      ...base.rpn,
      anchorSizes: [[16], [32], [64], [128], [256]],
      batchSizePerImage: 64,
      preNmsTopk: { train: 300, test: 200 },
      postNmsTopk: { train: 200, test: 100 },
    },
    roi: { ...base.roi, batchSizePerImage: 64, detectionsPerImage: 50 },
    boxHead: { ...base.boxHead, fcChannels: 128, samplingRatio: 2 },
    maskHead: { ...base.maskHead, numConvs: 2, convChannels: 32, classAgnostic: true, samplingRatio: 2 },
    ...(base.semantic !== undefined && { semantic: { ...base.semantic, channels: 32 } }),
    panoptic: { ...base.panoptic, minStuffArea: 256 },
  };
}
