import { stageNorm, type DetectorConfig } from '../config/config.ts';
import {
  constant,
  convSpecs,
  linearSpecs,
  msra,
  normal,
  vectorSpec,
  xavier,
  type ParameterSpec,
} from './layer-specs.ts';

/** Every tensor of the network, in the order and under the names of detectron2's state dictionary. */
export function parameterSpecs(config: DetectorConfig): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const conv = (...layer: Parameters<typeof convSpecs>): void => {
    specs.push(...convSpecs(...layer));
  };
  const linear = (...layer: Parameters<typeof linearSpecs>): void => {
    specs.push(...linearSpecs(...layer));
  };

  const { resnet, fpn, rpn, roi, boxHead, maskHead, semantic } = config;
  for (let level = 2; level <= 5; level += 1) {
    const input = resnet.res2Channels * 2 ** (level - 2);
    conv(`backbone.fpn_lateral${level}`, [fpn.channels, input, 1, 1], fpn.norm, xavier(input));
    conv(`backbone.fpn_output${level}`, [fpn.channels, fpn.channels, 3, 3], fpn.norm, xavier(fpn.channels * 9));
  }

  const stemTrained = resnet.freezeAt < 1;
  conv(
    'backbone.bottom_up.stem.conv1',
    [resnet.stemChannels, 3, 7, 7],
    stageNorm(resnet, 1),
    msra(resnet.stemChannels * 49),
    stemTrained,
  );
  let input = resnet.stemChannels;
  for (const [index, blocks] of resnet.blocks.entries()) {
    const out = resnet.res2Channels * 2 ** index;
    const width = resnet.widthPerGroup * 2 ** index;
    const trained = resnet.freezeAt < index + 2;
    const normKind = stageNorm(resnet, index + 2);
    for (let block = 0; block < blocks; block += 1) {
      const name = `backbone.bottom_up.res${index + 2}.${block}`;
      if (input !== out) conv(`${name}.shortcut`, [out, input, 1, 1], normKind, msra(out), trained);
      conv(`${name}.conv1`, [width, input, 1, 1], normKind, msra(width), trained);
      conv(`${name}.conv2`, [width, width, 3, 3], normKind, msra(width * 9), trained);
      conv(`${name}.conv3`, [out, width, 1, 1], normKind, msra(out), trained);
      input = out;
    }
  }

  const anchors = rpn.anchorSizes[0]!.length * rpn.aspectRatios.length;
  const head = 'proposal_generator.rpn_head';
  conv(`${head}.conv`, [fpn.channels, fpn.channels, 3, 3], '', normal(0.01));
  conv(`${head}.objectness_logits`, [anchors, fpn.channels, 1, 1], '', normal(0.01));
  conv(`${head}.anchor_deltas`, [anchors * 4, fpn.channels, 1, 1], '', normal(0.01));

  const stageNames = roiStageNames(config);
  let boxFeatures = fpn.channels;
  for (const stage of stageNames) {
    const name = `roi_heads.box_head${stage}`;
    let channels = fpn.channels;
    for (let k = 1; k <= boxHead.numConvs; k += 1) {
      conv(`${name}.conv${k}`, [boxHead.convChannels, channels, 3, 3], boxHead.norm, msra(boxHead.convChannels * 9));
      channels = boxHead.convChannels;
    }
    const area = boxHead.poolSize ** 2;
    boxFeatures = channels * area;
    for (let k = 1; k <= boxHead.numFcs; k += 1) {
      const layout = k === 1 ? ({ kind: 'linear-on-map', channels, area } as const) : undefined;
      linear(`${name}.fc${k}`, boxHead.fcChannels, boxFeatures, xavier(boxFeatures), layout);
      boxFeatures = boxHead.fcChannels;
    }
  }
  for (const stage of stageNames) {
    const name = `roi_heads.box_predictor${stage}`;
    linear(`${name}.cls_score`, roi.numClasses + 1, boxFeatures, normal(0.01));
    linear(`${name}.bbox_pred`, 4 * (roi.classAgnosticBoxes ? 1 : roi.numClasses), boxFeatures, normal(0.001));
  }

  let maskChannels = fpn.channels;
  for (let k = 1; k <= maskHead.numConvs; k += 1) {
    const out = maskHead.convChannels;
    conv(`roi_heads.mask_head.mask_fcn${k}`, [out, maskChannels, 3, 3], maskHead.norm, msra(out * 9));
    maskChannels = out;
  }
  specs.push({
    name: 'roi_heads.mask_head.deconv.weight',
    shape: [maskChannels, maskHead.convChannels, 2, 2],
    layout: { kind: 'deconvolution' },
    init: msra(maskChannels * 4),
    trainable: true,
    role: 'weight',
    dtype: 'float32',
  });
  specs.push(vectorSpec('roi_heads.mask_head.deconv.bias', maskHead.convChannels, constant(0), 'bias'));
  const maskClasses = maskHead.classAgnostic ? 1 : roi.numClasses;
  conv('roi_heads.mask_head.predictor', [maskClasses, maskHead.convChannels, 1, 1], '', normal(0.001));

  if (semantic !== undefined) {
    for (let level = 2; level <= 5; level += 1) {
      let channels = fpn.channels;
      for (let k = 0; k < Math.max(1, level - 2); k += 1) {
        const name = `sem_seg_head.p${level}.${2 * k}`;
        conv(name, [semantic.channels, channels, 3, 3], semantic.norm, msra(semantic.channels * 9));
        channels = semantic.channels;
      }
    }
    conv('sem_seg_head.predictor', [semantic.numClasses, semantic.channels, 1, 1], '', msra(semantic.numClasses));
  }
  return specs;
}

/** Name infix of each box stage: `.0`, `.1`, ... in a cascade, nothing otherwise. */
export function roiStageNames(config: DetectorConfig): string[] {
  return config.roi.stages.map((_, stage) => (config.roi.cascade ? `.${stage}` : ''));
}
