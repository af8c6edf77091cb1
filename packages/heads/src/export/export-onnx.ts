import { OnnxGraphBuilder } from '@u2seg/interchange';
import type { PanopticCascadeModel } from '../detector/model.ts';
import { padImage, pyramidNodes } from './graph-backbone.ts';
import { boxStageNodes, detectionNodes } from './graph-box-stages.ts';
import { boxLimits } from './graph-boxes.ts';
import { maskNodes } from './graph-mask-head.ts';
import { proposalNodes } from './graph-proposals.ts';
import { semanticNodes } from './graph-semantic-head.ts';
import { GraphWeights, type ExportContext } from './graph-weights.ts';

export interface ExportOptions {
  /** Kept in the file beside the network's configuration: licence, origin, training data. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Key of the network's configuration, as JSON, in the file's metadata. */
export const configMetadataKey = 'u2seg.network';

/**
 * Operator set 17 (2022): RoiAlign with half-pixel centres came with 16; every onnxruntime since 1.12 reads it, on Node, the
 * web and Python.
 */
const opset = 17;

/**
 * Writes a trained network as one ONNX graph, from the normalized image to detections, masks and semantic logits.
 *
 * Resizing to network size and normalization (`(rgb - pixelMean) / pixelStd`) happen before it, pasting masks into the
 * photo and the panoptic combination after it; `inferWithSession` does both. Padding to a multiple of 32 is inside.
 *
 * | value | type and shape | |
 * | --- | --- | --- |
 * | `image` in | float32 [1, 3, H, W] | normalized RGB at network size, any H and W |
 * | `boxes` | float32 [M, 4] | x1, y1, x2, y2 in input pixels, by descending score |
 * | `scores` | float32 [M] | above the configuration's `minScore` |
 * | `classes` | int64 [M] | thing clusters in [0, K) |
 * | `masks` | float32 [M, 28, 28] | probabilities inside the box |
 * | `semantic_logits` | float32 [1, C, H' / 4, W' / 4] | of the padded image; only with a semantic branch |
 *
 * @throws U2SegError `unsupported` past 2 GiB of weights, or for a cascade with class-specific boxes
 */
export function exportOnnx(model: PanopticCascadeModel, options: ExportOptions = {}): Uint8Array {
  const { config } = model;
  const graph = new OnnxGraphBuilder({
    name: 'panoptic_cascade',
    opset,
    metadata: { ...options.metadata, [configMetadataKey]: JSON.stringify(config) },
  });
  const context: ExportContext = { graph, weights: new GraphWeights(model), stored: new Map() };
  const image = graph.input('image', 'float32', [1, 3, 'height', 'width']);
  const size = graph.node('Slice', [graph.node('Shape', [image]), graph.ints([2]), graph.ints([4])]);
  const limits = boxLimits(graph, size);

  const pyramid = pyramidNodes(context, config, padImage(graph, image, size));
  const proposals = proposalNodes(context, config, pyramid, limits);
  const regions = boxStageNodes(context, config, pyramid, proposals, limits);
  const found = detectionNodes(context, regions, config.roi, limits);
  const maskSize = 2 * config.maskHead.poolSize;
  const masks = maskNodes(context, config, pyramid, found);
  graph.output('boxes', found.boxes, 'float32', ['detections', 4]);
  graph.output('scores', found.scores, 'float32', ['detections']);
  graph.output('classes', found.classes, 'int64', ['detections']);
  graph.output('masks', masks, 'float32', ['detections', maskSize, maskSize]);
  if (config.semantic !== undefined) {
    const logits = semanticNodes(context, config.semantic, pyramid);
    const shape = [1, config.semantic.numClasses, 'grid_height', 'grid_width'];
    graph.output('semantic_logits', logits, 'float32', shape);
  }
  return graph.build();
}
