import type { OnnxGraphBuilder, OnnxValue } from '@u2seg/interchange';
import { deltaClamp, type DeltaWeights } from '../boxes/box-transform.ts';

/** float32's largest value: scores of left-out boxes are minus infinity, below any threshold from here up. */
const largestFloat = 3.4028234663852886e38;

/** Coordinate `k` of boxes, keeping the axis: [..., 4] -> [..., 1]. */
export function coordinate(graph: OnnxGraphBuilder, boxes: OnnxValue, k: number): OnnxValue {
  return graph.node('Gather', [boxes, graph.ints([k])], { axis: -1 });
}

/**
 * Applies deltas to boxes, operation by operation as `applyDeltas` does, so that float32 rounds alike.
 *
 * [..., 4] deltas, boxes that broadcast with them -> [..., 4]
 */
export function decodeBoxes(
  graph: OnnxGraphBuilder,
  deltas: OnnxValue,
  boxes: OnnxValue,
  weights: DeltaWeights,
): OnnxValue {
  const half = graph.float(0.5);
  const axis = (dim: 0 | 1): { readonly low: OnnxValue; readonly high: OnnxValue } => {
    const from = coordinate(graph, boxes, dim);
    const side = graph.node('Sub', [coordinate(graph, boxes, dim + 2), from]);
    const centre = graph.node('Add', [from, graph.node('Mul', [half, side])]);
    const shift = graph.node('Div', [coordinate(graph, deltas, dim), graph.float(weights[dim])]);
    const growth = graph.node('Min', [
      graph.node('Div', [coordinate(graph, deltas, dim + 2), graph.float(weights[(dim + 2) as 2 | 3])]),
      graph.float(deltaClamp),
    ]);
    const moved = graph.node('Add', [graph.node('Mul', [shift, side]), centre]);
    const reach = graph.node('Mul', [half, graph.node('Mul', [graph.node('Exp', [growth]), side])]);
    return { low: graph.node('Sub', [moved, reach]), high: graph.node('Add', [moved, reach]) };
  };
  const [x, y] = [axis(0), axis(1)];
  return graph.node('Concat', [x.low, y.low, x.high, y.high], { axis: -1 });
}

/** Moves coordinates into the image. @param limits - float32 [4]: width, height, width, height */
export function clipNode(graph: OnnxGraphBuilder, boxes: OnnxValue, limits: OnnxValue): OnnxValue {
  return graph.node('Min', [graph.node('Max', [boxes, graph.float(0)]), limits]);
}

/** Float [4] width, height, width, height of an int64 [2] height, width. */
export function boxLimits(graph: OnnxGraphBuilder, size: OnnxValue): OnnxValue {
  return graph.node('Cast', [graph.node('Gather', [size, graph.ints([1, 0, 1, 0])])], { to: 1 });
}

/** True where both sides are longer than zero: [N, 4] -> [N]. */
export function nonemptyNode(graph: OnnxGraphBuilder, boxes: OnnxValue): OnnxValue {
  const longer = (dim: number): OnnxValue =>
    graph.node('Greater', [coordinate(graph, boxes, dim + 2), coordinate(graph, boxes, dim)]);
  return graph.node('Squeeze', [graph.node('And', [longer(0), longer(1)]), graph.ints([-1])]);
}

/** `scores` where `kept`, minus infinity elsewhere. */
export function maskScores(graph: OnnxGraphBuilder, kept: OnnxValue, scores: OnnxValue): OnnxValue {
  return graph.node('Where', [kept, scores, graph.float(-Infinity)]);
}

export interface SuppressionOptions {
  readonly threshold: number;
  /** Scores must be strictly above it; default every finite score. */
  readonly minScore?: number;
  /** int64 [1], a class */
  readonly max: OnnxValue;
}

/**
 * Greedy suppression within each batch entry and class: [B, N, 4] boxes, [B, K, N] scores -> [M, 3] of (entry, class,
 * box). The operator compares IoU strictly and prefers the lower index on equal scores, as `batchedNms` does.
 */
export function suppressNode(
  graph: OnnxGraphBuilder,
  boxes: OnnxValue,
  scores: OnnxValue,
  { threshold, minScore, max }: SuppressionOptions,
): OnnxValue {
  const floor = graph.floats([minScore ?? -largestFloat]);
  return graph.node('NonMaxSuppression', [boxes, scores, max, graph.floats([threshold]), floor]);
}
