/** Regions of trees over the same leaves, as sets of leaves. */
import type { RegionTree } from './region-tree.ts';

/** A region as a set of leaves. */
export interface RegionSet {
  /** The leaves, in no order. */
  readonly leaves: Int32Array;
  /** [all leaves], 1 on those of the region. */
  readonly member: Uint8Array;
  readonly area: number;
}

/** The leaves below a node. */
export function leavesOf(tree: RegionTree, node: number): RegionSet {
  const member = new Uint8Array(tree.leaves);
  const leaves: number[] = [];
  const stack = [node];
  while (stack.length > 0) {
    const at = stack.pop()!;
    if (at < tree.leaves) {
      member[at] = 1;
      leaves.push(at);
    } else stack.push(tree.children[2 * at]!, tree.children[2 * at + 1]!);
  }
  return { leaves: Int32Array.from(leaves), member, area: tree.area[node]! };
}

/** Whether the IoU of two regions is above a threshold. */
export function overlaps(a: RegionSet, b: RegionSet, leafArea: ArrayLike<number>, above: number): boolean {
  // No IoU is above the ratio of the areas.
  if (Math.min(a.area, b.area) <= above * Math.max(a.area, b.area)) return false;
  const { leaves } = a.leaves.length < b.leaves.length ? a : b;
  const { member } = a.leaves.length < b.leaves.length ? b : a;
  let both = 0;
  for (let i = 0; i < leaves.length; i += 1) if (member[leaves[i]!] === 1) both += leafArea[leaves[i]!]!;
  return both > above * (a.area + b.area - both);
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
