import type { OnnxValue } from '@u2seg/interchange';
import type { DetectorConfig } from '../detector/config/config.ts';
import type { DetectionValues } from './graph-box-stages.ts';
import { convNode, gatherNode, reshapeNode } from './graph-layers.ts';
import { poolRegions } from './graph-pooler.ts';
import { store, type ExportContext } from './graph-weights.ts';

const head = 'roi_heads.mask_head';

/**
 * Mask probabilities of the detections, each for its own class only, as `predictMasks`.
 *
 * The transposed convolution's stride is its kernel, so each of the four places of a block is a 1x1 convolution of its
 * own; places are told apart only in the masks, 256 channels later, where moving them costs nothing.
 *
 * @returns [M, 2 poolSize, 2 poolSize]
 */
export function maskNodes(
  context: ExportContext,
  config: DetectorConfig,
  pyramid: readonly OnnxValue[],
  { boxes, classes }: DetectionValues,
): OnnxValue {
  const { graph, weights } = context;
  const { numConvs, norm, classAgnostic, poolSize, samplingRatio } = config.maskHead;
  const regions = poolRegions(graph, pyramid.slice(0, 4), boxes, { outputSize: poolSize, samplingRatio });
  let x = regions.pooled;
  for (let k = 1; k <= numConvs; k += 1) {
    x = convNode(context, { name: `${head}.mask_fcn${k}`, norm, stride: 1, padding: 1, activation: 'relu' }, x);
  }
  const { weight, bias, channels } = blockConvolution(context);
  const area = poolSize ** 2;
  const blocks = graph.node('Relu', [graph.node('Conv', [x, weight, bias], { kernel_shape: [1, 1] })]);
  const planes = reshapeNode(graph, blocks, [-1, 4, channels, area]);

  const predictor = weights.get(`${head}.predictor.weight`);
  const numMasks = predictor.shape[0]!;
  const filters = store(context, `${head}.predictor.weight`, { shape: [numMasks, channels], data: predictor.data });
  const shifts = store(context, `${head}.predictor.bias`, weights.get(`${head}.predictor.bias`));
  const grouped = gatherNode(graph, classes, regions.grouped);
  const ofRegion = classAgnostic ? graph.node('Mul', [grouped, graph.int(0)]) : grouped;
  const filter = reshapeNode(graph, gatherNode(graph, filters, ofRegion), [-1, 1, 1, channels]);
  const shift = reshapeNode(graph, gatherNode(graph, shifts, ofRegion), [-1, 1, 1, 1]);
  const logits = graph.node('Add', [graph.node('MatMul', [filter, planes]), shift]);

  const places = reshapeNode(graph, logits, [-1, 2, 2, poolSize, poolSize]);
  const interleaved = graph.node('Transpose', [places], { perm: [0, 3, 1, 4, 2] });
  const masks = reshapeNode(graph, interleaved, [-1, 2 * poolSize, 2 * poolSize]);
  return graph.node('Sigmoid', [gatherNode(graph, masks, regions.order)]);
}

/** The transposed convolution's weights [Cin, C, 2, 2] as a 1x1 convolution's [4 C, Cin, 1, 1], places outermost. */
function blockConvolution(context: ExportContext): {
  readonly weight: OnnxValue;
  readonly bias: OnnxValue;
  readonly channels: number;
} {
  const { weights } = context;
  const { shape, data } = weights.get(`${head}.deconv.weight`);
  const [inputs, channels] = shape as [number, number];
  const bias = weights.get(`${head}.deconv.bias`).data;
  const turned = new Float32Array(data.length);
  const repeated = new Float32Array(4 * channels);
  for (let place = 0; place < 4; place += 1) {
    repeated.set(bias, place * channels);
    for (let c = 0; c < channels; c += 1) {
      const row = (place * channels + c) * inputs;
      for (let i = 0; i < inputs; i += 1) turned[row + i] = data[(i * channels + c) * 4 + place]!;
    }
  }
  return {
    weight: store(context, `${head}.deconv.weight`, { shape: [4 * channels, inputs, 1, 1], data: turned }),
    bias: store(context, `${head}.deconv.bias`, { shape: [4 * channels], data: repeated }),
    channels,
  };
}
