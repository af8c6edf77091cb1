import { U2SegError } from '@u2seg/core';
import { OnnxGraphBuilder, type OnnxValue } from '@u2seg/interchange';
import type { Bottleneck, FoldedConvolution, ResnetWeights } from './resnet-weights.ts';

/** Stages of a ResNet, from the input: strides 2, 4, 4, 8, 16, 32. */
export type ResnetStage = 'stem_relu' | 'stem' | 'res2' | 'res3' | 'res4' | 'res5';

/** A feature map [B, C, h, w] of a stage, or `pooled` [B, C], the mean of res5 over the image. */
export type ResnetOutput = ResnetStage | 'pooled';

export interface ResnetGraphOptions {
  readonly outputs?: readonly ResnetOutput[];
  /** Licence and origin, kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The last map and its mean. */
export const resnetGraphDefaults: Required<ResnetGraphOptions> = { outputs: ['res5', 'pooled'], metadata: {} };

/**
 * Writes a ResNet as an ONNX graph with the input `pixels` [B, 3, H, W], normalised. Strides of 2 sit in the 3x3 convolutions, as in
 * torchvision and DINO. Stages after the last wanted one are left out.
 *
 * @throws U2SegError `wrong-usage` without an output
 */
export function resnetGraph(weights: ResnetWeights, options: ResnetGraphOptions = {}): Uint8Array {
  const { outputs, metadata } = { ...resnetGraphDefaults, ...options };
  if (outputs.length === 0) throw new U2SegError('wrong-usage', 'resnetGraph: at least one output must be named.');
  const graph = new OnnxGraphBuilder({ name: 'resnet', metadata });
  const remaining = new Set(outputs);
  const emit = (name: ResnetOutput, value: OnnxValue, channels: number): void => {
    if (!remaining.delete(name)) return;
    const shape = name === 'pooled' ? ['batch', channels] : ['batch', channels, `${name}_height`, `${name}_width`];
    graph.output(name, value, 'float32', shape);
  };

  const stemChannels = weights.stem.bias.length;
  let x = graph.input('pixels', 'float32', ['batch', 3, 'height', 'width']);
  x = graph.node('Relu', [convolution(graph, x, weights.stem, 'stem', 2)]);
  emit('stem_relu', x, stemChannels);
  x = graph.node('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  emit('stem', x, stemChannels);
  for (const [i, blocks] of weights.stages.entries()) {
    if (remaining.size === 0) break;
    for (const [j, block] of blocks.entries()) {
      x = bottleneck(graph, x, block, `res${i + 2}.${j}`, i > 0 && j === 0 ? 2 : 1);
    }
    emit(`res${i + 2}` as ResnetStage, x, blocks.at(-1)!.conv3.bias.length);
  }
  if (remaining.has('pooled')) {
    emit('pooled', graph.node('Flatten', [graph.node('GlobalAveragePool', [x])]), weights.dim);
  }
  return graph.build();
}

function bottleneck(graph: OnnxGraphBuilder, x: OnnxValue, block: Bottleneck, name: string, stride: number): OnnxValue {
  const narrow = graph.node('Relu', [convolution(graph, x, block.conv1, `${name}.conv1`, 1)]);
  const middle = graph.node('Relu', [convolution(graph, narrow, block.conv2, `${name}.conv2`, stride)]);
  const wide = convolution(graph, middle, block.conv3, `${name}.conv3`, 1);
  const shortcut = block.shortcut === undefined ? x : convolution(graph, x, block.shortcut, `${name}.shortcut`, stride);
  return graph.node('Relu', [graph.node('Add', [wide, shortcut])]);
}

function convolution(
  graph: OnnxGraphBuilder,
  x: OnnxValue,
  { weight, bias }: FoldedConvolution,
  name: string,
  stride: number,
): OnnxValue {
  const kernel = weight.shape[2]!;
  const pad = Math.floor(kernel / 2);
  const w = graph.initializer(`${name}.weight`, { dtype: 'float32', shape: weight.shape, data: weight.data });
  const b = graph.initializer(`${name}.bias`, { dtype: 'float32', shape: [bias.length], data: bias });
  return graph.node('Conv', [x, w, b], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
}
