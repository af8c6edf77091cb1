/** Regions of trees over the same leaves, as sets of leaves. */
import type { RegionTree } from './region-tree.ts';

/** [leaves], 1 on the leaves below a node. */
export function leavesOf(tree: RegionTree, node: number): Uint8Array {
  const member = new Uint8Array(tree.leaves);
  const stack = [node];
  while (stack.length > 0) {
    const at = stack.pop()!;
    if (at < tree.leaves) member[at] = 1;
    else stack.push(tree.children[2 * at]!, tree.children[2 * at + 1]!);
  }
  return member;
}

/** IoU of two sets of leaves, of the areas given. */
export function setIou(
  a: Uint8Array,
  areaA: number,
  b: Uint8Array,
  areaB: number,
  leafArea: ArrayLike<number>,
): number {
  let both = 0;
  for (let r = 0; r < a.length; r += 1) both += a[r]! * b[r]! * leafArea[r]!;
  return areaA + areaB === 0 ? 0 : both / (areaA + areaB - both);
}

/** A mask of 0 and 1 in the pixels of the leaves, and what its agreement with a region is worth. */
export interface WeightedMask {
  readonly mask: Uint8Array;
  readonly weight: number;
}

/**
 * How far each node of a tree agrees with the best of some masks: IoU times weight.
 *
 * @param labels - [H, W] leaf of each pixel
 * @returns [nodes], 0 without masks
 */
export function agreementOf(tree: RegionTree, labels: Int32Array, masks: readonly WeightedMask[]): Float64Array {
  const best = new Float64Array(tree.nodes);
  const inside = new Float64Array(tree.nodes);
  for (const { mask, weight } of masks) {
    inside.fill(0);
    let area = 0;
    for (let i = 0; i < mask.length; i += 1) {
      inside[labels[i]!]! += mask[i]!;
      area += mask[i]!;
    }
    for (let node = 0; node < tree.nodes; node += 1) {
      if (node >= tree.leaves) {
        inside[node] = inside[tree.children[2 * node]!]! + inside[tree.children[2 * node + 1]!]!;
      }
      const both = inside[node]!;
      best[node] = Math.max(best[node]!, (weight * both) / Math.max(1, area + tree.area[node]! - both));
    }
  }
  return best;
}
