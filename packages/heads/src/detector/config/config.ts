import type { DeltaWeights } from '../../boxes/box-transform.ts';

/**
 * Normalization of a convolution: none (the convolution then has a bias), batch statistics, frozen statistics, or
 * 32 groups. `SyncBN` on one process is `BN`.
 */
export type NormKind = '' | 'BN' | 'SyncBN' | 'FrozenBN' | 'GN';

export interface ResnetConfig {
  /** Channels after the 7x7 stem. */
  readonly stemChannels: number;
  /** Output channels of res2; doubled at each later stage. */
  readonly res2Channels: number;
  /** Bottleneck width of res2; doubled at each later stage. */
  readonly widthPerGroup: number;
  /** Bottleneck blocks of res2 to res5. */
  readonly blocks: readonly [number, number, number, number];
  readonly norm: NormKind;
  /** Parameters of the stem (1) and of res2, ... (2, ...) up to this number are not trained; 0 trains all. */
  readonly freezeAt: number;
}

/**
 * Normalization of the stem (stage 1) or of res2, ... (stage 2, ...): freezing a stage freezes its statistics too, as
 * detectron2 does.
 */
export function stageNorm({ norm, freezeAt }: ResnetConfig, stage: number): NormKind {
  return stage <= freezeAt && (norm === 'BN' || norm === 'SyncBN') ? 'FrozenBN' : norm;
}

export interface FpnConfig {
  readonly channels: number;
  readonly norm: NormKind;
}

export interface RpnConfig {
  /** Side of the anchors of p2 to p6, in input pixels. */
  readonly anchorSizes: readonly (readonly number[])[];
  /** Height over width. */
  readonly aspectRatios: readonly number[];
  /** Background below the first, ignored between, foreground from the second. */
  readonly iouThresholds: readonly [number, number];
  /** Anchors sampled for the loss, an image. */
  readonly batchSizePerImage: number;
  readonly positiveRatio: number;
  readonly nmsThreshold: number;
  /** Candidates a level before suppression, in training and at test time. */
  readonly preNmsTopk: PhaseCount;
  /** Proposals an image after suppression. */
  readonly postNmsTopk: PhaseCount;
  readonly lossWeight: number;
}

export interface PhaseCount {
  readonly train: number;
  readonly test: number;
}

export interface RoiConfig {
  /** K, the thing clusters. */
  readonly numClasses: number;
  /** Proposals sampled for the loss, an image. */
  readonly batchSizePerImage: number;
  readonly positiveRatio: number;
  /** One stage an entry, IoU from which a proposal is foreground; a single entry is plain Mask R-CNN. */
  readonly stages: readonly RoiStage[];
  /** True names the heads `box_head.0`, ... as a cascade does, and keeps their regression class-agnostic. */
  readonly cascade: boolean;
  /** One box for all classes rather than one a class. */
  readonly classAgnosticBoxes: boolean;
  /** Detections need a score strictly above it. */
  readonly minScore: number;
  readonly nmsThreshold: number;
  readonly detectionsPerImage: number;
  /** DropLoss: rows of the classification loss whose box overlaps no ground truth by more than this are dropped. */
  readonly dropLossIou?: number;
}

export interface RoiStage {
  readonly iou: number;
  readonly deltaWeights: DeltaWeights;
}

export interface BoxHeadConfig {
  readonly numConvs: number;
  readonly convChannels: number;
  readonly numFcs: number;
  readonly fcChannels: number;
  readonly norm: NormKind;
  readonly poolSize: number;
  readonly samplingRatio: number;
}

export interface MaskHeadConfig {
  readonly numConvs: number;
  readonly convChannels: number;
  readonly norm: NormKind;
  readonly classAgnostic: boolean;
  readonly poolSize: number;
  readonly samplingRatio: number;
}

export interface SemanticHeadConfig {
  /** Stuff clusters plus one: class 0 stands for all things. */
  readonly numClasses: number;
  readonly channels: number;
  readonly norm: NormKind;
  readonly lossWeight: number;
  /** Label of pixels that count neither way. */
  readonly ignoreLabel: number;
}

export interface PanopticConfig {
  /** An instance is skipped when more than this share of it is already taken. */
  readonly overlapThreshold: number;
  /** Smallest stuff region kept, in pixels of the output. */
  readonly minStuffArea: number;
  /** Instances below this score are left out of the panoptic map. */
  readonly minInstanceScore: number;
}

/** A two-stage detector on ResNet and FPN, with an optional semantic branch. */
export interface DetectorConfig {
  readonly resnet: ResnetConfig;
  readonly fpn: FpnConfig;
  readonly rpn: RpnConfig;
  readonly roi: RoiConfig;
  readonly boxHead: BoxHeadConfig;
  readonly maskHead: MaskHeadConfig;
  /** Absent: Mask R-CNN or Cascade Mask R-CNN as CutLER trains them. */
  readonly semantic?: SemanticHeadConfig;
  readonly panoptic: PanopticConfig;
  /** Subtracted from and divided into RGB values of [0, 255]. */
  readonly pixelMean: readonly [number, number, number];
  readonly pixelStd: readonly [number, number, number];
}

/** Images are padded, right and below, to a multiple of the coarsest backbone stride. */
export const sizeDivisor = 32;
