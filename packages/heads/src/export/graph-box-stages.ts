import { U2SegError } from '@u2seg/core';
import type { OnnxValue } from '@u2seg/interchange';
import type { DetectorConfig, RoiConfig } from '../detector/config/config.ts';
import { roiStageNames } from '../detector/parameters/parameter-specs.ts';
import { clipNode, decodeBoxes, suppressNode } from './graph-boxes.ts';
import { convNode, countAtMost, finiteRows, gatherNode, linearNode, reshapeNode } from './graph-layers.ts';
import { poolRegions } from './graph-pooler.ts';
import type { ExportContext } from './graph-weights.ts';

export interface ScoredRegions {
  /** [R, 4], or [R, 4 K] for class-specific boxes; not clipped */
  readonly boxes: OnnxValue;
  /** [R, K + 1] mean over the stages, background last */
  readonly probabilities: OnnxValue;
}

export interface DetectionValues {
  /** [M, 4] pixels, inside the image */
  readonly boxes: OnnxValue;
  /** [M] in (minScore, 1], descending */
  readonly scores: OnnxValue;
  /** [M] int64 in [0, K) */
  readonly classes: OnnxValue;
}

/** All box stages, each refining what the one before found, as `runBoxStages` and `averageProbabilities`. */
export function boxStageNodes(
  context: ExportContext,
  config: DetectorConfig,
  pyramid: readonly OnnxValue[],
  proposals: OnnxValue,
  limits: OnnxValue,
): ScoredRegions {
  const { graph } = context;
  const { stages, numClasses, classAgnosticBoxes } = config.roi;
  const boxesPerRegion = classAgnosticBoxes ? 1 : numClasses;
  if (stages.length > 1 && boxesPerRegion > 1) {
    throw new U2SegError('unsupported', 'exportOnnx: a cascade refines one box a region; classAgnosticBoxes is false.');
  }
  let boxes = proposals;
  let refined = proposals;
  let sum: OnnxValue | undefined;
  for (const [stage, { deltaWeights }] of stages.entries()) {
    const { logits, deltas } = predictorNodes(context, config, stage, pyramid, boxes);
    const probabilities = graph.node('Softmax', [logits], { axis: -1 });
    sum = sum === undefined ? probabilities : graph.node('Add', [sum, probabilities]);
    if (boxesPerRegion === 1) {
      refined = decodeBoxes(graph, deltas, boxes, deltaWeights);
    } else {
      const byClass = reshapeNode(graph, deltas, [-1, boxesPerRegion, 4]);
      const regions = graph.node('Unsqueeze', [boxes, graph.ints([1])]);
      refined = reshapeNode(graph, decodeBoxes(graph, byClass, regions, deltaWeights), [-1, 4 * boxesPerRegion]);
    }
    if (stage + 1 < stages.length) boxes = clipNode(graph, refined, limits);
  }
  return { boxes: refined, probabilities: graph.node('Mul', [sum!, graph.float(1 / stages.length)]) };
}

function predictorNodes(
  context: ExportContext,
  config: DetectorConfig,
  stage: number,
  pyramid: readonly OnnxValue[],
  boxes: OnnxValue,
): { readonly logits: OnnxValue; readonly deltas: OnnxValue } {
  const { graph, weights } = context;
  const { numConvs, numFcs, norm, poolSize, samplingRatio } = config.boxHead;
  const infix = roiStageNames(config)[stage]!;
  const head = `roi_heads.box_head${infix}`;
  const regions = poolRegions(graph, pyramid.slice(0, 4), boxes, { outputSize: poolSize, samplingRatio });
  let map = regions.pooled;
  for (let k = 1; k <= numConvs; k += 1) {
    map = convNode(context, { name: `${head}.conv${k}`, norm, stride: 1, padding: 1, activation: 'relu' }, map);
  }
  const predictor = `roi_heads.box_predictor${infix}`;
  const features = weights.get(numFcs > 0 ? `${head}.fc1.weight` : `${predictor}.cls_score.weight`).shape[1]!;
  let x = reshapeNode(graph, map, [-1, features]);
  for (let k = 1; k <= numFcs; k += 1) x = linearNode(context, `${head}.fc${k}`, x, 'relu');
  return {
    logits: gatherNode(graph, linearNode(context, `${predictor}.cls_score`, x), regions.order),
    deltas: gatherNode(graph, linearNode(context, `${predictor}.bbox_pred`, x), regions.order),
  };
}

/** The best detections, suppressed within their class, as `selectDetections`. */
export function detectionNodes(
  context: ExportContext,
  { boxes, probabilities }: ScoredRegions,
  { numClasses, classAgnosticBoxes, minScore, nmsThreshold, detectionsPerImage }: RoiConfig,
  limits: OnnxValue,
): DetectionValues {
  const { graph } = context;
  const specific = !classAgnosticBoxes && numClasses > 1;
  const usable = graph.node('And', [
    finiteRows(context, probabilities, numClasses + 1),
    finiteRows(context, boxes, specific ? 4 * numClasses : 4),
  ]);
  const things = graph.node('Slice', [probabilities, graph.ints([0]), graph.ints([numClasses]), graph.ints([1])]);
  const scores = graph.node('Where', [
    graph.node('Unsqueeze', [usable, graph.ints([1])]),
    things,
    graph.float(-Infinity),
  ]);
  const max = graph.node('Gather', [graph.node('Shape', [scores]), graph.ints([0])]);
  const options = { threshold: nmsThreshold, minScore, max };
  const clipped = clipNode(graph, specific ? reshapeNode(graph, boxes, [-1, numClasses, 4]) : boxes, limits);
  // class-specific boxes: a class is a batch entry with boxes of its own
  const chosen = specific
    ? suppressNode(
        graph,
        graph.node('Transpose', [clipped], { perm: [1, 0, 2] }),
        graph.node('Unsqueeze', [graph.node('Transpose', [scores], { perm: [1, 0] }), graph.ints([1])]),
        options,
      )
    : suppressNode(
        graph,
        graph.node('Unsqueeze', [clipped, graph.ints([0])]),
        graph.node('Unsqueeze', [graph.node('Transpose', [scores], { perm: [1, 0] }), graph.ints([0])]),
        options,
      );
  const column = (k: number): OnnxValue => graph.node('Gather', [chosen, graph.int(k)], { axis: 1 });
  // equal scores keep the order of regions, then classes
  const keys = graph.node('Add', [graph.node('Mul', [column(2), graph.int(numClasses)]), column(specific ? 0 : 1)]);
  const everyKey = graph.node('Shape', [keys]);
  const ordered = graph.nodeOutputs('TopK', [keys, everyKey], 2, { largest: 0 })[0]!;
  const candidates = gatherNode(graph, reshapeNode(graph, scores, [-1]), ordered);
  const count = countAtMost(graph, candidates, detectionsPerImage);
  const [best, places] = graph.nodeOutputs('TopK', [candidates, count], 2) as [OnnxValue, OnnxValue];
  const kept = gatherNode(graph, ordered, places);
  const rows = graph.node('Div', [kept, graph.int(numClasses)]);
  const boxRows = specific ? kept : rows;
  return {
    boxes: gatherNode(graph, specific ? reshapeNode(graph, clipped, [-1, 4]) : clipped, boxRows),
    scores: best,
    classes: graph.node('Mod', [kept, graph.int(numClasses)]),
  };
}
