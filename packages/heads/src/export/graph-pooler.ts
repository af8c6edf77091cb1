import { onnxFloat, type OnnxGraphBuilder, type OnnxValue } from '@u2seg/interchange';
import { assignLevels } from '../boxes/level-assignment.ts';
import type { PoolingOptions } from '../tf/roi-batch.ts';
import { coordinate } from './graph-boxes.ts';
import { gatherNode, indicesOf } from './graph-layers.ts';

/** Stride of the finest pyramid level, p2. */
const finestStride = 4;

export interface PooledRegions {
  /** [R, C, side, side], grouped by pyramid level */
  readonly pooled: OnnxValue;
  /** [R] where each region, in its given order, lies among the grouped ones */
  readonly order: OnnxValue;
  /** [R] the given row of each grouped one */
  readonly grouped: OnnxValue;
}

/**
 * Pools every region from the level its size belongs to, as `poolPyramid`. Regions come out grouped by level: layers
 * that treat rows alike can run on them as they are, and only their small results are put back in order.
 *
 * @param pyramid - p2, p3, ... as [1, C, H, W]
 * @param boxes - [R, 4] input pixels
 */
export function poolRegions(
  graph: OnnxGraphBuilder,
  pyramid: readonly OnnxValue[],
  boxes: OnnxValue,
  { outputSize, samplingRatio }: PoolingOptions,
): PooledRegions {
  const levels = levelNodes(graph, boxes, pyramid.length);
  const rows: OnnxValue[] = [];
  const parts = pyramid.map((map, level) => {
    const own = indicesOf(graph, graph.node('Equal', [levels, graph.int(level)]));
    rows.push(own);
    const images = graph.node('Mul', [own, graph.int(0)]);
    return graph.node('RoiAlign', [map, gatherNode(graph, boxes, own), images], {
      output_height: outputSize,
      output_width: outputSize,
      sampling_ratio: samplingRatio,
      spatial_scale: onnxFloat(1 / (finestStride * 2 ** level)),
      coordinate_transformation_mode: 'half_pixel',
      mode: 'avg',
    });
  });
  const grouped = graph.node('Concat', rows, { axis: 0 });
  const pooled = graph.node('Concat', parts, { axis: 0 });
  return { pooled, grouped, order: inversePermutation(graph, grouped) };
}

/** The order that undoes a permutation of int64 [R]. */
function inversePermutation(graph: OnnxGraphBuilder, permutation: OnnxValue): OnnxValue {
  const size = graph.node('Shape', [permutation]);
  const places = graph.node('Range', [graph.int(0), graph.node('Squeeze', [size]), graph.int(1)]);
  return graph.node('ScatterElements', [permutation, permutation, places], { axis: 0 });
}

/**
 * Offset from the finest level, int64 [R]. Logarithms of different runtimes disagree in the last digit just where a box
 * changes level, so the levels' smallest sides are found beforehand, with the very formula, and only compared here.
 */
function levelNodes(graph: OnnxGraphBuilder, boxes: OnnxValue, numLevels: number): OnnxValue {
  const side = (dim: number): OnnxValue =>
    graph.node('Sub', [coordinate(graph, boxes, dim + 2), coordinate(graph, boxes, dim)]);
  const area = graph.node('Squeeze', [graph.node('Mul', [side(0), side(1)]), graph.ints([1])]);
  let level: OnnxValue | undefined;
  for (let k = 1; k < numLevels; k += 1) {
    const from = graph.float(smallestArea(k, numLevels));
    const reached = graph.node('Cast', [graph.node('GreaterOrEqual', [area, from])], { to: 7 });
    level = level === undefined ? reached : graph.node('Add', [level, reached]);
  }
  return level ?? graph.node('Mul', [graph.node('Cast', [area], { to: 7 }), graph.int(0)]);
}

/** The smallest float32 area that belongs to level `k` or above, by bisection over float32 bit patterns. */
function smallestArea(k: number, numLevels: number): number {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  const levelOf = (area: number): number => assignLevels(Float32Array.of(0, 0, area, 1), 2, 1 + numLevels)[0]!;
  let [below, above] = [0, 0x7f7fffff];
  while (above - below > 1) {
    bits[0] = (below + above) >>> 1;
    const middle = bits[0]!;
    if (levelOf(value[0]!) >= k) above = middle;
    else below = middle;
  }
  bits[0] = above;
  return value[0]!;
}
