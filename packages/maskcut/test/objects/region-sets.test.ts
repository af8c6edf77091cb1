import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreementOf, leavesOf, overlaps, type RegionSet } from '../../src/objects/region-sets.ts';
import type { RegionTree } from '../../src/objects/region-tree.ts';

/** Four leaves of one pixel each, joined in the order 0 + 1 = 4, 2 + 3 = 5, 4 + 5 = 6. */
function treeOfFour(): RegionTree {
  const none = new Float64Array(7);
  return {
    leaves: 4,
    nodes: 7,
    parent: Int32Array.of(4, 4, 5, 5, 6, 6, -1),
    children: Int32Array.of(-1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5),
    height: none,
    area: Float64Array.of(1, 1, 1, 1, 2, 2, 4),
    rim: none,
    box: new Int32Array(28),
    contour: none,
    contourStrength: none,
    contourWeak: none,
    contrast: none,
    featureContrast: none,
  };
}
const labels = Int32Array.of(0, 1, 2, 3);

describe('leavesOf', () => {
  it('collects what is below a node', () => {
    const tree = treeOfFour();
    expect([...leavesOf(tree, 2).member]).toEqual([0, 0, 1, 0]);
    expect([...leavesOf(tree, 5).member]).toEqual([0, 0, 1, 1]);
    const all = leavesOf(tree, 6);
    expect([...all.leaves].sort()).toEqual([0, 1, 2, 3]);
    expect(all.area).toBe(4);
  });
});

describe('overlaps', () => {
  const leafArea = [1, 3, 5, 2, 7];
  const set = (flags: readonly number[]): RegionSet => ({
    leaves: Int32Array.from(flags.flatMap((flag, leaf) => (flag === 1 ? [leaf] : []))),
    member: Uint8Array.from(flags),
    area: flags.reduce((sum, flag, leaf) => sum + flag * leafArea[leaf]!, 0),
  });

  it('weighs leaves by their area, and is strict', () => {
    // 3 shared of 1 + 3 + 5
    const [a, b] = [set([1, 1, 0, 0, 0]), set([0, 1, 1, 0, 0])];
    expect(overlaps(a, b, leafArea, 0.33)).toBe(true);
    expect(overlaps(a, b, leafArea, 3 / 9)).toBe(false);
  });

  it('says what the IoU of the pixels says', () => {
    const flags = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(flags, flags, fc.constantFrom(0.1, 0.3, 0.5, 0.7), (a, b, above) => {
        const [x, y] = [set(a), set(b)];
        const both = leafArea.reduce((sum, area, i) => sum + area * a[i]! * b[i]!, 0);
        expect(overlaps(x, y, leafArea, above)).toBe(both > above * (x.area + y.area - both));
        expect(overlaps(y, x, leafArea, above)).toBe(overlaps(x, y, leafArea, above));
      }),
    );
  });
});

describe('agreementOf', () => {
  it('is 0 without masks', () => {
    expect([...agreementOf(treeOfFour(), labels, [])]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  it('takes the best mask, by IoU times weight', () => {
    const masks = [
      { mask: Uint8Array.of(1, 1, 0, 0), weight: 1 },
      { mask: Uint8Array.of(1, 0, 0, 0), weight: 0.9 },
    ];
    const found = agreementOf(treeOfFour(), labels, masks);
    [0.9, 0.5, 0, 0, 1, 0, 0.5].forEach((wanted, node) => expect(found[node]).toBeCloseTo(wanted, 12));
  });
});
