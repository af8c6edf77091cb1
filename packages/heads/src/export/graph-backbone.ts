import { type OnnxGraphBuilder, type OnnxValue } from '@u2seg/interchange';
import { sizeDivisor, type DetectorConfig } from '../detector/config/config.ts';
import { convNode } from './graph-layers.ts';
import type { ExportContext } from './graph-weights.ts';

/** Pads right and below with zeros to a multiple of 32: [1, 3, H, W] -> [1, 3, H', W']. */
export function padImage(graph: OnnxGraphBuilder, image: OnnxValue, size: OnnxValue): OnnxValue {
  const divisor = graph.ints([sizeDivisor]);
  // (32 - size % 32) % 32 on both axes
  const short = graph.node('Sub', [divisor, graph.node('Mod', [size, divisor])]);
  const missing = graph.node('Mod', [short, divisor]);
  const pads = graph.node('Concat', [graph.ints([0, 0, 0, 0, 0, 0]), missing], { axis: 0 });
  return graph.node('Pad', [image, pads, graph.float(0)]);
}

/** ResNet and feature pyramid: [1, 3, H, W] -> p2 to p6. */
export function pyramidNodes(context: ExportContext, config: DetectorConfig, image: OnnxValue): OnnxValue[] {
  const { graph } = context;
  const maps = resnetNodes(context, config, image);
  const { norm } = config.fpn;
  const outputs: OnnxValue[] = [];
  let topDown: OnnxValue | undefined;
  for (let level = 5; level >= 2; level -= 1) {
    const shared = { norm, stride: 1, activation: 'linear' } as const;
    const name = `backbone.fpn_lateral${level}`;
    const lateral = convNode(context, { ...shared, name, padding: 0 }, maps[level - 2]!);
    topDown = topDown === undefined ? lateral : graph.node('Add', [lateral, doubled(graph, topDown, 'nearest')]);
    outputs.unshift(convNode(context, { ...shared, name: `backbone.fpn_output${level}`, padding: 1 }, topDown));
  }
  return [...outputs, graph.node('MaxPool', [outputs[3]!], { kernel_shape: [1, 1], strides: [2, 2] })];
}

/** Twice the height and width; bilinear at half-pixel centres. */
export function doubled(graph: OnnxGraphBuilder, x: OnnxValue, mode: 'nearest' | 'linear'): OnnxValue {
  const attributes =
    mode === 'nearest'
      ? { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
      : { mode, coordinate_transformation_mode: 'half_pixel' };
  return graph.node('Resize', [x, '', graph.floats([1, 1, 2, 2])], attributes);
}

function resnetNodes(context: ExportContext, { resnet }: DetectorConfig, image: OnnxValue): OnnxValue[] {
  const prefix = 'backbone.bottom_up';
  const { norm } = resnet;
  const stemLayer = { name: `${prefix}.stem.conv1`, norm, activation: 'relu', stride: 2, padding: 3 } as const;
  let x = convNode(context, stemLayer, image);
  x = context.graph.node('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  return resnet.blocks.map((blocks, index) => {
    for (let block = 0; block < blocks; block += 1) {
      x = bottleneck(context, norm, `${prefix}.res${index + 2}.${block}`, x, block === 0 && index > 0 ? 2 : 1);
    }
    return x;
  });
}

function bottleneck(
  context: ExportContext,
  norm: DetectorConfig['resnet']['norm'],
  name: string,
  x: OnnxValue,
  stride: number,
): OnnxValue {
  const { graph, weights } = context;
  const plain = { norm, stride: 1, padding: 0 } as const;
  const shortcut = weights.has(`${name}.shortcut.weight`)
    ? convNode(context, { ...plain, name: `${name}.shortcut`, stride, activation: 'linear' }, x)
    : x;
  let y = convNode(context, { ...plain, name: `${name}.conv1`, activation: 'relu' }, x);
  y = convNode(context, { norm, name: `${name}.conv2`, stride, padding: 1, activation: 'relu' }, y);
  y = convNode(context, { ...plain, name: `${name}.conv3`, activation: 'linear' }, y);
  return graph.node('Relu', [graph.node('Add', [y, shortcut])]);
}
