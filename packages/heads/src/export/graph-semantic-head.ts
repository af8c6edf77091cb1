import type { OnnxValue } from '@u2seg/interchange';
import type { SemanticHeadConfig } from '../detector/config/config.ts';
import { doubled } from './graph-backbone.ts';
import { convNode } from './graph-layers.ts';
import type { ExportContext } from './graph-weights.ts';

/** Semantic FPN, as `semanticLogits`: p2 to p5 -> [1, classes, H / 4, W / 4]. */
export function semanticNodes(
  context: ExportContext,
  { norm }: SemanticHeadConfig,
  pyramid: readonly OnnxValue[],
): OnnxValue {
  const { graph } = context;
  let sum: OnnxValue | undefined;
  for (let level = 2; level <= 5; level += 1) {
    let x = pyramid[level - 2]!;
    for (let k = 0; k < Math.max(1, level - 2); k += 1) {
      const name = `sem_seg_head.p${level}.${2 * k}`;
      x = convNode(context, { name, norm, stride: 1, padding: 1, activation: 'relu' }, x);
      if (level > 2) x = doubled(graph, x, 'linear');
    }
    sum = sum === undefined ? x : graph.node('Add', [sum, x]);
  }
  const predictor = { name: 'sem_seg_head.predictor', norm: '', stride: 1, padding: 0, activation: 'linear' } as const;
  return convNode(context, predictor, sum!);
}
