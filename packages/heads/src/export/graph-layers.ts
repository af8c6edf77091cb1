import { onnxFloat, type OnnxGraphBuilder, type OnnxValue } from '@u2seg/interchange';
import type { ConvLayer } from '../detector/network/layers.ts';
import { normGroups } from '../detector/network/layers.ts';
import { normEpsilon } from '../tf/batch-norm.ts';
import { store, type ExportContext, type WeightTensor } from './graph-weights.ts';

/**
 * Convolution with the normalization its configuration names, as the network has it at inference: batch statistics,
 * frozen or not, are folded into the weights. [B, Cin, H, W] -> [B, Cout, H', W']
 */
export function convNode(context: ExportContext, layer: ConvLayer, x: OnnxValue): OnnxValue {
  const { graph, weights } = context;
  const { name, norm, activation } = layer;
  const finish = (y: OnnxValue): OnnxValue => (activation === 'relu' ? graph.node('Relu', [y]) : y);
  if (norm === '') {
    const bias = weights.get(`${name}.bias`).data;
    return finish(convolution(context, layer, x, weights.get(`${name}.weight`), bias));
  }
  if (norm !== 'GN') {
    const { weight, bias } = weights.folded(name);
    return finish(convolution(context, layer, x, weight, bias));
  }
  const convolved = convolution(context, layer, x, weights.get(`${name}.weight`), undefined);
  return finish(groupNormNode(context, `${name}.norm`, convolved));
}

function convolution(
  context: ExportContext,
  { name, stride, padding }: ConvLayer,
  x: OnnxValue,
  weight: WeightTensor,
  bias: Float32Array | undefined,
): OnnxValue {
  const inputs = [x, store(context, `${name}.weight`, weight)];
  if (bias !== undefined) inputs.push(store(context, `${name}.bias`, { shape: [bias.length], data: bias }));
  const side = weight.shape[2]!;
  return context.graph.node('Conv', inputs, {
    kernel_shape: [side, side],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  });
}

/**
 * Group normalization by instance normalization of groups, which every runtime has; the operator of its own came with
 * operator set 18 and changed in 21. The batch may be empty.
 */
function groupNormNode(context: ExportContext, name: string, x: OnnxValue): OnnxValue {
  const { graph, weights } = context;
  const channels = weights.get(`${name}.weight`).shape[0]!;
  const shape = graph.node('Shape', [x]);
  const batch = graph.node('Gather', [shape, graph.ints([0])]);
  const area = graph.node('Mul', [
    graph.node('Gather', [shape, graph.ints([2])]),
    graph.node('Gather', [shape, graph.ints([3])]),
  ]);
  const perGroup = graph.node('Mul', [area, graph.ints([channels / normGroups])]);
  const grouped = graph.node(
    'Reshape',
    [x, graph.node('Concat', [batch, graph.ints([normGroups]), perGroup], { axis: 0 })],
    { allowzero: 1 },
  );
  const normed = graph.node(
    'InstanceNormalization',
    [
      grouped,
      graph.floats(Array.from({ length: normGroups }, () => 1)),
      graph.floats(Array.from({ length: normGroups }, () => 0)),
    ],
    { epsilon: onnxFloat(normEpsilon) },
  );
  const restored = graph.node('Reshape', [normed, shape], { allowzero: 1 });
  const perChannel = (part: string): OnnxValue =>
    store(context, `${name}.${part}`, { shape: [1, channels, 1, 1], data: weights.get(`${name}.${part}`).data });
  return graph.node('Add', [graph.node('Mul', [restored, perChannel('weight')]), perChannel('bias')]);
}

/** [N, in] -> [N, out] */
export function linearNode(
  context: ExportContext,
  name: string,
  x: OnnxValue,
  activation: 'relu' | 'linear' = 'linear',
): OnnxValue {
  const { graph, weights } = context;
  const weight = store(context, `${name}.weight`, weights.get(`${name}.weight`));
  const bias = store(context, `${name}.bias`, weights.get(`${name}.bias`));
  const y = graph.node('Gemm', [x, weight, bias], { transB: 1 });
  return activation === 'relu' ? graph.node('Relu', [y]) : y;
}

/** Rows of `x` by index, along axis 0. */
export function gatherNode(graph: OnnxGraphBuilder, x: OnnxValue, indices: OnnxValue): OnnxValue {
  return graph.node('Gather', [x, indices], { axis: 0 });
}

/** Reshapes to sizes known now but for one `-1`. */
export function reshapeNode(graph: OnnxGraphBuilder, x: OnnxValue, shape: readonly number[]): OnnxValue {
  return graph.node('Reshape', [x, graph.ints(shape)]);
}

/** `x[..., from:to]` along one axis. */
export function sliceNode(
  graph: OnnxGraphBuilder,
  x: OnnxValue,
  axis: number,
  from: OnnxValue,
  to: OnnxValue,
): OnnxValue {
  return graph.node('Slice', [x, from, to, graph.ints([axis])]);
}

/** The first `limit` of `values`, or all: an int64 [1] count. */
export function countAtMost(graph: OnnxGraphBuilder, values: OnnxValue, limit: number): OnnxValue {
  const size = graph.node('Gather', [graph.node('Shape', [values]), graph.ints([0])]);
  return graph.node('Min', [size, graph.ints([limit])]);
}

/** Indices of true values, [M] int64. */
export function indicesOf(graph: OnnxGraphBuilder, condition: OnnxValue): OnnxValue {
  return graph.node('Squeeze', [graph.node('NonZero', [condition]), graph.ints([0])]);
}

/** True where every value of a row is finite: [N, width] -> [N]. */
export function finiteRows(context: ExportContext, x: OnnxValue, width: number): OnnxValue {
  const { graph } = context;
  // a finite value minus itself is zero; inf - inf and NaN are not. A product, as a reduction of no rows has no right shape
  const ones = store(context, `ones_${width}`, { shape: [width, 1], data: new Float32Array(width).fill(1) });
  const total = graph.node('MatMul', [graph.node('Sub', [x, x]), ones]);
  return graph.node('Squeeze', [graph.node('Equal', [total, graph.float(0)]), graph.ints([1])]);
}
