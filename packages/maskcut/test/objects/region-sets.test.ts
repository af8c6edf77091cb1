import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreementOf, leavesOf, setIou } from '../../src/objects/region-sets.ts';
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
    expect([...leavesOf(treeOfFour(), 2)]).toEqual([0, 0, 1, 0]);
    expect([...leavesOf(treeOfFour(), 5)]).toEqual([0, 0, 1, 1]);
    expect([...leavesOf(treeOfFour(), 6)]).toEqual([1, 1, 1, 1]);
  });
});

describe('setIou', () => {
  it('weighs leaves by their area', () => {
    // 3 shared of 1 + 3 + 5
    expect(setIou(Uint8Array.of(1, 1, 0), 4, Uint8Array.of(0, 1, 1), 8, [1, 3, 5])).toBeCloseTo(3 / 9, 12);
  });

  it('is 0 for two empty sets', () => {
    expect(setIou(Uint8Array.of(0), 0, Uint8Array.of(0), 0, [1])).toBe(0);
  });

  it('is 1 for a set and itself, and symmetric', () => {
    const flags = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(flags, flags, (a, b) => {
        const area = [1, 2, 3, 4, 5];
        const sum = (set: number[]): number => set.reduce((total, flag, i) => total + flag * area[i]!, 0);
        const [x, y] = [Uint8Array.from(a), Uint8Array.from(b)];
        if (sum(a) > 0) expect(setIou(x, sum(a), x, sum(a), area)).toBe(1);
        expect(setIou(x, sum(a), y, sum(b), area)).toBe(setIou(y, sum(b), x, sum(a), area));
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
