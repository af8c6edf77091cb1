import { U2SegError } from '@u2seg/core';
import { parse } from 'yaml';
import type { DeltaWeights } from '../../boxes/box-transform.ts';
import type { DetectorConfig, NormKind } from './config.ts';

type Tree = { readonly [key: string]: unknown };

/** Blocks of res2 to res5 by depth; only bottleneck networks. */
const blocksOfDepth: Readonly<Record<number, readonly [number, number, number, number]>> = {
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/**
 * Network configuration from the YAML a detectron2 run writes (all keys merged in).
 *
 * @throws U2SegError `unsupported` for an architecture or option this package does not have, naming the key
 * @throws U2SegError `bad-format` for a missing key
 */
export function parseDetectron2Config(yaml: string): DetectorConfig {
  const tree = new ConfigTree(parse(yaml) as Tree);
  const architecture = tree.text('MODEL.META_ARCHITECTURE');
  tree.only('MODEL.META_ARCHITECTURE', ['PanopticFPN', 'GeneralizedRCNN']);
  tree.only('MODEL.BACKBONE.NAME', ['build_resnet_fpn_backbone']);
  tree.only('MODEL.PROPOSAL_GENERATOR.NAME', ['RPN']);
  tree.only('MODEL.ROI_HEADS.NAME', [
    'CascadeROIHeads',
    'StandardROIHeads',
    'CustomCascadeROIHeads',
    'CustomStandardROIHeads',
  ]);
  tree.only('MODEL.RESNETS.NUM_GROUPS', [1]);
  tree.only('MODEL.RESNETS.STRIDE_IN_1X1', [false]);
  tree.only('MODEL.RESNETS.RES5_DILATION', [1]);
  tree.only('MODEL.FPN.FUSE_TYPE', ['sum']);
  tree.only('MODEL.RPN.SMOOTH_L1_BETA', [0]);
  tree.only('MODEL.ROI_BOX_HEAD.SMOOTH_L1_BETA', [0]);
  tree.only('MODEL.ROI_BOX_HEAD.POOLER_TYPE', ['ROIAlignV2']);
  tree.only('MODEL.ROI_MASK_HEAD.POOLER_TYPE', ['ROIAlignV2']);
  tree.only('INPUT.FORMAT', ['RGB']);
  const depth = tree.number('MODEL.RESNETS.DEPTH');
  const blocks = blocksOfDepth[depth];
  if (blocks === undefined) {
    throw new U2SegError(
      'unsupported',
      `parseDetectron2Config: MODEL.RESNETS.DEPTH must be 50, 101 or 152, got ${depth}.`,
    );
  }
  const cascade = tree.text('MODEL.ROI_HEADS.NAME').includes('Cascade');
  const ious = cascade
    ? tree.list<number>('MODEL.ROI_BOX_CASCADE_HEAD.IOUS')
    : tree.list<number>('MODEL.ROI_HEADS.IOU_THRESHOLDS');
  const weights = cascade
    ? tree.list<DeltaWeights>('MODEL.ROI_BOX_CASCADE_HEAD.BBOX_REG_WEIGHTS')
    : [tree.list<number>('MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS') as unknown as DeltaWeights];
  const [background, foreground] = tree.list<number>('MODEL.RPN.IOU_THRESHOLDS') as [number, number];
  const dropLoss = tree.optional('MODEL.ROI_HEADS.USE_DROPLOSS') === true;

  return {
    resnet: {
      stemChannels: tree.number('MODEL.RESNETS.STEM_OUT_CHANNELS'),
      res2Channels: tree.number('MODEL.RESNETS.RES2_OUT_CHANNELS'),
      widthPerGroup: tree.number('MODEL.RESNETS.WIDTH_PER_GROUP'),
      blocks,
      norm: tree.norm('MODEL.RESNETS.NORM'),
      freezeAt: tree.number('MODEL.BACKBONE.FREEZE_AT'),
    },
    fpn: { channels: tree.number('MODEL.FPN.OUT_CHANNELS'), norm: tree.norm('MODEL.FPN.NORM') },
    rpn: {
      anchorSizes: tree.list<number[]>('MODEL.ANCHOR_GENERATOR.SIZES'),
      aspectRatios: tree.list<number[]>('MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS')[0]!,
      iouThresholds: [background, foreground],
      batchSizePerImage: tree.number('MODEL.RPN.BATCH_SIZE_PER_IMAGE'),
      positiveRatio: tree.number('MODEL.RPN.POSITIVE_FRACTION'),
      nmsThreshold: tree.number('MODEL.RPN.NMS_THRESH'),
      preNmsTopk: {
        train: tree.number('MODEL.RPN.PRE_NMS_TOPK_TRAIN'),
        test: tree.number('MODEL.RPN.PRE_NMS_TOPK_TEST'),
      },
      postNmsTopk: {
        train: tree.number('MODEL.RPN.POST_NMS_TOPK_TRAIN'),
        test: tree.number('MODEL.RPN.POST_NMS_TOPK_TEST'),
      },
      lossWeight: tree.number('MODEL.RPN.LOSS_WEIGHT'),
    },
    roi: {
      numClasses: tree.number('MODEL.ROI_HEADS.NUM_CLASSES'),
      batchSizePerImage: tree.number('MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE'),
      positiveRatio: tree.number('MODEL.ROI_HEADS.POSITIVE_FRACTION'),
      stages: ious.map((iou, stage) => ({ iou, deltaWeights: weights[stage]! })),
      cascade,
      classAgnosticBoxes: tree.flag('MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG'),
      minScore: tree.number('MODEL.ROI_HEADS.SCORE_THRESH_TEST'),
      nmsThreshold: tree.number('MODEL.ROI_HEADS.NMS_THRESH_TEST'),
      detectionsPerImage: tree.number('TEST.DETECTIONS_PER_IMAGE'),
      ...(dropLoss && { dropLossIou: tree.number('MODEL.ROI_HEADS.DROPLOSS_IOU_THRESH') }),
    },
    boxHead: {
      numConvs: tree.number('MODEL.ROI_BOX_HEAD.NUM_CONV'),
      convChannels: tree.number('MODEL.ROI_BOX_HEAD.CONV_DIM'),
      numFcs: tree.number('MODEL.ROI_BOX_HEAD.NUM_FC'),
      fcChannels: tree.number('MODEL.ROI_BOX_HEAD.FC_DIM'),
      norm: tree.norm('MODEL.ROI_BOX_HEAD.NORM'),
      poolSize: tree.number('MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION'),
      samplingRatio: tree.number('MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO'),
    },
    maskHead: {
      numConvs: tree.number('MODEL.ROI_MASK_HEAD.NUM_CONV'),
      convChannels: tree.number('MODEL.ROI_MASK_HEAD.CONV_DIM'),
      norm: tree.norm('MODEL.ROI_MASK_HEAD.NORM'),
      classAgnostic: tree.flag('MODEL.ROI_MASK_HEAD.CLS_AGNOSTIC_MASK'),
      poolSize: tree.number('MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION'),
      samplingRatio: tree.number('MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO'),
    },
    ...(architecture === 'PanopticFPN' && {
      semantic: {
        numClasses: tree.number('MODEL.SEM_SEG_HEAD.NUM_CLASSES'),
        channels: tree.number('MODEL.SEM_SEG_HEAD.CONVS_DIM'),
        norm: tree.norm('MODEL.SEM_SEG_HEAD.NORM'),
        lossWeight: tree.number('MODEL.SEM_SEG_HEAD.LOSS_WEIGHT'),
        ignoreLabel: tree.number('MODEL.SEM_SEG_HEAD.IGNORE_VALUE'),
      },
    }),
    panoptic: {
      overlapThreshold: tree.number('MODEL.PANOPTIC_FPN.COMBINE.OVERLAP_THRESH'),
      minStuffArea: tree.number('MODEL.PANOPTIC_FPN.COMBINE.STUFF_AREA_LIMIT'),
      minInstanceScore: tree.number('MODEL.PANOPTIC_FPN.COMBINE.INSTANCES_CONFIDENCE_THRESH'),
    },
    pixelMean: tree.list<number>('MODEL.PIXEL_MEAN') as unknown as [number, number, number],
    pixelStd: tree.list<number>('MODEL.PIXEL_STD') as unknown as [number, number, number],
  };
}

/**
 * Shorter and longest side at test time, in pixels, of the same YAML.
 *
 * @throws U2SegError `bad-format` for a missing key
 */
export function parseDetectron2TestSize(yaml: string): { readonly shortestEdge: number; readonly maxSize: number } {
  const tree = new ConfigTree(parse(yaml) as Tree);
  return { shortestEdge: tree.number('INPUT.MIN_SIZE_TEST'), maxSize: tree.number('INPUT.MAX_SIZE_TEST') };
}

/** Typed access by dotted path, so that every complaint names its key. */
class ConfigTree {
  readonly #root: Tree;

  constructor(root: Tree) {
    this.#root = root;
  }

  optional(path: string): unknown {
    let node: unknown = this.#root;
    for (const key of path.split('.')) node = (node as Tree | undefined)?.[key];
    return node;
  }

  number(path: string): number {
    return this.#typed(path, 'number') as number;
  }

  text(path: string): string {
    return this.#typed(path, 'string') as string;
  }

  flag(path: string): boolean {
    return this.#typed(path, 'boolean') as boolean;
  }

  list<T>(path: string): readonly T[] {
    const value = this.optional(path);
    if (!Array.isArray(value)) throw missing(path, 'a list', value);
    return value as readonly T[];
  }

  norm(path: string): NormKind {
    this.only(path, ['', 'BN', 'SyncBN', 'FrozenBN', 'GN']);
    return this.text(path) as NormKind;
  }

  only(path: string, supported: readonly unknown[]): void {
    const value = this.optional(path);
    if (!supported.includes(value)) {
      throw new U2SegError(
        'unsupported',
        `parseDetectron2Config: ${path} must be one of ${JSON.stringify(supported)}, got ${JSON.stringify(value)}.`,
      );
    }
  }

  #typed(path: string, type: string): unknown {
    const value = this.optional(path);
    if (typeof value !== type) throw missing(path, `a ${type}`, value);
    return value;
  }
}

function missing(path: string, wanted: string, value: unknown): U2SegError {
  return new U2SegError(
    'bad-format',
    `parseDetectron2Config: ${path} must be ${wanted}, got ${JSON.stringify(value)}.`,
  );
}
