import { encodeMask, rleArea, rleBbox, type Segment } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePanoptic, segmentInfos } from '@u2seg/self-train';

/** Segment from rows of text: `#` is set. */
function segment(rows: readonly string[], clusterId = 0, score = 1): Segment {
  const height = rows.length;
  const width = rows[0]!.length;
  const mask = encodeMask({ data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)), height, width });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score, clusterId };
}

describe('mergePanoptic', () => {
  it('labels nothing where nothing is known', () => {
    const label = mergePanoptic([], new Int16Array(4).fill(-1), 2, 2);
    expect(label.segments).toEqual([]);
    expect([...label.ids]).toEqual([0, 0, 0, 0]);
    expect([...label.semantic]).toEqual([255, 255, 255, 255]);
    expect(label.nextSegmentId).toBe(1);
  });

  it('paints the small box over the large one and the stuff around both', () => {
    const label = mergePanoptic([segment(['.#..', '....'], 5), segment(['###.', '....'], 7)], new Uint8Array(8), 2, 4);
    expect([...label.ids]).toEqual([1, 2, 1, 3, 3, 3, 3, 3]);
    expect(label.segments).toMatchObject([
      { id: 1, clusterId: 7, area: 2, instance: 1, bboxXywh: [0, 0, 3, 1] },
      { id: 2, clusterId: 5, area: 1, instance: 0 },
      { id: 3, isThing: false, clusterId: 0, area: 5, bboxXywh: [0, 0, 4, 2] },
    ]);
    expect([...label.semantic]).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  });

  it('uses up the id of an instance that ends up hidden', () => {
    const label = mergePanoptic([segment(['##']), segment(['##'])], [9, 9], 1, 2);
    expect(label.segments.map((s) => s.id)).toEqual([2]);
    expect(label.nextSegmentId).toBe(3);
  });

  it('puts the better score on top when asked, and the tie in input order', () => {
    const instances = [segment(['##.'], 1, 0.9), segment(['.##'], 2, 0.5), segment(['.##'], 3, 0.5)];
    expect([...mergePanoptic(instances, [99, 99, 99], 1, 3, { order: 'score' }).ids]).toEqual([3, 3, 2]);
  });

  it('orders by mask area when asked', () => {
    const wide = segment(['#....#'], 1);
    const solid = segment(['####..'], 2);
    expect([...mergePanoptic([wide, solid], new Int8Array(6).fill(-1), 1, 6).ids]).toEqual([2, 2, 2, 2, 0, 1]);
    expect([...mergePanoptic([wide, solid], new Int8Array(6).fill(-1), 1, 6, { order: 'mask-area' }).ids]).toEqual([
      2, 1, 1, 1, 0, 2,
    ]);
  });

  it('lets an instance that is left out hide nothing', () => {
    const instances = [segment(['####'], 1), segment(['.##.'], 2), segment(['.#..'], 3)];
    const none = Int8Array.of(-1, -1, -1, -1);
    expect([...mergePanoptic(instances, none, 1, 4, { maxOverlapRatio: 0.4 }).ids]).toEqual([1, 3, 1, 1]);
    expect([...mergePanoptic(instances, none, 1, 4, { minArea: 2 }).ids]).toEqual([1, 2, 2, 1]);
    const weak = [segment(['####'], 1, 0.4), segment(['.##.'], 2, 0.5)];
    expect([...mergePanoptic(weak, none, 1, 4, { minScore: 0.5 }).ids]).toEqual([0, 1, 1, 0]);
  });

  it('keeps stuff that is covered by exactly the limit', () => {
    const row = `${'#'.repeat(7)}...`;
    expect(mergePanoptic([segment([row])], new Uint8Array(10), 1, 10).segments).toHaveLength(2);
    expect(mergePanoptic([segment([`#${row}`])], new Uint8Array(11), 1, 11).segments).toHaveLength(1);
  });

  it('writes visible extents by default', () => {
    const instances = [segment(['###'], 0), segment(['#..'], 1)];
    const label = mergePanoptic(instances, Int8Array.of(-1, -1, -1), 1, 3);
    expect(segmentInfos(label, instances, 10)[0]).toMatchObject({ area: 2, bbox: [1, 0, 2, 1], category_id: 1 });
    expect(segmentInfos(label, instances, 10, { extent: 'reference' })[0]).toMatchObject({
      area: 3,
      bbox: [0, 0, 3, 1],
    });
  });

  it('says which mask has the wrong size and which score is no number', () => {
    expect(() => mergePanoptic([segment(['#'])], [0, 0], 1, 2)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: mergePanoptic: instances[0].mask must be [1, 2], got [1, 1].]`,
    );
    expect(() => mergePanoptic([segment(['#'], 0, Number.NaN)], [0], 1, 1, { order: 'score' })).toThrow('got NaN');
    expect(() => mergePanoptic([], [0], 1, 2)).toThrow('semantic must be [1, 2]');
  });

  it('covers every pixel at most once, and areas add up', () => {
    const rows = fc.array(fc.stringMatching(/^[#.]{6}$/u), { minLength: 4, maxLength: 4 });
    const semantic = fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(
        fc.array(rows, { maxLength: 5 }),
        semantic,
        fc.constantFrom('bbox-area', 'mask-area', 'score'),
        (masks, stuff, order) => {
          const instances = masks.map((mask, i) => segment(mask, i, (i * 7) % 3));
          const label = mergePanoptic(instances, stuff, 4, 6, { order, stuffClusters: 3 });
          const count = new Map<number, number>();
          for (const id of label.ids) count.set(id, (count.get(id) ?? 0) + 1);
          count.delete(0);
          expect(new Map(label.segments.map((s) => [s.id, s.area]))).toEqual(count);
          expect(label.segments.every((s) => s.id < label.nextSegmentId)).toBe(true);
        },
      ),
    );
  });
});
