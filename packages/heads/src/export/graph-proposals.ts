import type { OnnxGraphBuilder, OnnxValue } from '@u2seg/interchange';
import { cellAnchors } from '../boxes/anchors.ts';
import type { DetectorConfig, RpnConfig } from '../detector/config/config.ts';
import { rpnDeltaWeights } from '../detector/inference/proposals.ts';
import { clipNode, decodeBoxes, maskScores, nonemptyNode, suppressNode } from './graph-boxes.ts';
import { convNode, countAtMost, finiteRows, gatherNode, reshapeNode } from './graph-layers.ts';
import { store, type ExportContext } from './graph-weights.ts';

/**
 * Region proposal network and selection, as `proposeRegions`: the top candidates of every level, decoded, clipped,
 * suppressed within their level, the best of all levels. Anchors are made for the candidates only, from their index.
 *
 * @param limits - float32 [4]: width, height, width, height of the image without its padding
 * @returns [R, 4] boxes by descending objectness
 */
export function proposalNodes(
  context: ExportContext,
  { rpn }: DetectorConfig,
  pyramid: readonly OnnxValue[],
  limits: OnnxValue,
): OnnxValue {
  const { graph } = context;
  const boxes: OnnxValue[] = [];
  const scores: OnnxValue[] = [];
  for (const [level, map] of pyramid.entries()) {
    const { logits, deltas } = rpnHeadNodes(context, map);
    const count = countAtMost(graph, logits, rpn.preNmsTopk.test);
    const [topScores, top] = graph.nodeOutputs('TopK', [logits, count], 2) as [OnnxValue, OnnxValue];
    const anchors = anchorNodes(context, rpn, level, map, top);
    const decoded = decodeBoxes(graph, gatherNode(graph, deltas, top), anchors, rpnDeltaWeights);
    const clipped = clipNode(graph, decoded, limits);
    const usable = graph.node('And', [nonemptyNode(graph, clipped), finiteRows(context, decoded, 4)]);
    const kept = suppressLevel(graph, clipped, maskScores(graph, usable, topScores), rpn);
    boxes.push(gatherNode(graph, clipped, kept));
    scores.push(gatherNode(graph, topScores, kept));
  }
  const allScores = graph.node('Concat', scores, { axis: 0 });
  const best = graph.nodeOutputs('TopK', [allScores, countAtMost(graph, allScores, rpn.postNmsTopk.test)], 2)[1]!;
  return gatherNode(graph, graph.node('Concat', boxes, { axis: 0 }), best);
}

/** Rows kept of one level, by descending score. */
function suppressLevel(graph: OnnxGraphBuilder, boxes: OnnxValue, scores: OnnxValue, rpn: RpnConfig): OnnxValue {
  const chosen = suppressNode(
    graph,
    graph.node('Unsqueeze', [boxes, graph.ints([0])]),
    graph.node('Unsqueeze', [scores, graph.ints([0, 1])]),
    { threshold: rpn.nmsThreshold, max: graph.ints([rpn.postNmsTopk.test]) },
  );
  return graph.node('Gather', [chosen, graph.int(2)], { axis: 1 });
}

interface LevelOutputs {
  /** [N] in the order of rows, columns, anchors of a cell; what is not finite became minus infinity, which goes last */
  readonly logits: OnnxValue;
  /** [N, 4] */
  readonly deltas: OnnxValue;
}

/** The shared layers on one level. */
function rpnHeadNodes(context: ExportContext, map: OnnxValue): LevelOutputs {
  const { graph } = context;
  const name = 'proposal_generator.rpn_head';
  const plain = { norm: '', stride: 1, padding: 0, activation: 'linear' } as const;
  const hidden = convNode(context, { ...plain, name: `${name}.conv`, padding: 1, activation: 'relu' }, map);
  const rows = (part: string, width: readonly number[]): OnnxValue => {
    const planes = convNode(context, { ...plain, name: `${name}.${part}` }, hidden);
    return reshapeNode(graph, graph.node('Transpose', [planes], { perm: [0, 2, 3, 1] }), [-1, ...width]);
  };
  const logits = rows('objectness_logits', []);
  const unusable = graph.node('Or', [graph.node('IsNaN', [logits]), graph.node('IsInf', [logits])]);
  return {
    logits: graph.node('Where', [unusable, graph.float(-Infinity), logits]),
    deltas: rows('anchor_deltas', [4]),
  };
}

/** Anchors of a level by their index: [N] -> [N, 4]. */
function anchorNodes(
  context: ExportContext,
  rpn: RpnConfig,
  level: number,
  map: OnnxValue,
  indices: OnnxValue,
): OnnxValue {
  const { graph } = context;
  const sizes = rpn.anchorSizes[Math.min(level, rpn.anchorSizes.length - 1)]!;
  const cells = cellAnchors(sizes, rpn.aspectRatios);
  const perCell = cells.length / 4;
  const stride = 4 * 2 ** level;
  const width = graph.node('Gather', [graph.node('Shape', [map]), graph.ints([3])]);
  const cell = graph.node('Div', [indices, graph.ints([perCell])]);
  const position = (axis: OnnxValue): OnnxValue => {
    const pixels = graph.node('Mul', [graph.node('Cast', [axis], { to: 1 }), graph.float(stride)]);
    return graph.node('Unsqueeze', [pixels, graph.ints([1])]);
  };
  const x = position(graph.node('Mod', [cell, width]));
  const y = position(graph.node('Div', [cell, width]));
  const offsets = graph.node('Concat', [x, y, x, y], { axis: 1 });
  const shapes = store(context, `anchors.p${level + 2}`, { shape: [perCell, 4], data: cells });
  const own = gatherNode(graph, shapes, graph.node('Mod', [indices, graph.ints([perCell])]));
  return graph.node('Add', [offsets, own]);
}
