import { decodeMask, encodeMask, rleArea, rleBbox, SeededRng, type Segment } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyPaste, type TrainingExample } from '@u2seg/self-train';
import { copyPasteRandom } from '@u2seg/self-train/internal';

function example(
  size: number,
  level: number,
  boxes: readonly (readonly [number, number, number, number])[],
): TrainingExample {
  const instances = boxes.map(([x, y, w, h], clusterId): Segment => {
    const data = new Uint8Array(size * size);
    for (let row = y; row < y + h; row += 1) data.fill(1, row * size + x, row * size + x + w);
    const mask = encodeMask({ data, height: size, width: size });
    return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score: 1, clusterId };
  });
  return {
    image: { data: new Uint8Array(size * size * 3).fill(level), height: size, width: size },
    instances,
    semantic: new Uint8Array(size * size).fill(3),
  };
}

describe('copyPaste', () => {
  it('leaves an empty batch and photos without instances alone', () => {
    expect(copyPaste([], copyPasteRandom(new SeededRng(1)))).toEqual([]);
    const empty = example(8, 10, []);
    expect(copyPaste([empty, empty], copyPasteRandom(new SeededRng(1)))).toEqual([empty, empty]);
  });

  it('pastes pixels, mask, box and the semantic label of a thing', () => {
    const target = example(16, 10, []);
    const source = example(16, 200, [[4, 4, 8, 8]]);
    const [got] = copyPaste([target, source], copyPasteRandom(new SeededRng(3)), { minRatio: 0.5, maxRatio: 0.5 });
    const pasted = got!.instances[0]!;
    expect(pasted.area).toBe(16);
    expect(pasted.bboxXywh).toEqual(rleBbox(pasted.mask));
    const { data } = decodeMask(pasted.mask);
    data.forEach((value, p) => {
      expect(got!.image.data[p * 3]).toBe(value === 1 ? 200 : 10);
      expect(got!.semantic![p]).toBe(value === 1 ? 0 : 3);
    });
    expect(target.image.data[0]).toBe(10);
  });

  it('pastes no more than it may', () => {
    const target = example(16, 10, []);
    const source = example(16, 200, [
      [0, 0, 4, 4],
      [8, 0, 4, 4],
      [0, 8, 4, 4],
    ]);
    const pasted = (maxCount: number): number =>
      copyPaste([target, source], copyPasteRandom(new SeededRng(3)), { randomCount: false, maxCount })[0]!.instances
        .length;
    expect([pasted(0), pasted(2), pasted(8)]).toEqual([0, 2, 3]);
  });

  it('does the same with the same seed', () => {
    const batch = [
      example(16, 10, [[0, 0, 4, 4]]),
      example(16, 200, [
        [4, 4, 8, 8],
        [0, 12, 3, 3],
      ]),
    ];
    const once = copyPaste(batch, copyPasteRandom(new SeededRng(5)));
    expect(copyPaste(batch, copyPasteRandom(new SeededRng(5)))).toEqual(once);
  });

  it('keeps boxes tight and never lets a pasted instance share pixels with the target', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('corrected', 'reference'), (seed, mode) => {
        const batch = [
          example(16, 10, [[0, 0, 6, 6]]),
          example(12, 90, [
            [2, 3, 8, 5],
            [0, 9, 3, 3],
          ]),
        ];
        const [got] = copyPaste(batch, copyPasteRandom(new SeededRng(seed)), { mode });
        for (const segment of got!.instances) expect(segment.bboxXywh).toEqual(rleBbox(segment.mask));
        const own = decodeMask(got!.instances[0]!.mask).data;
        for (const other of got!.instances.slice(1)) {
          expect(decodeMask(other.mask).data.some((value, p) => value === 1 && own[p] === 1)).toBe(false);
        }
      }),
    );
  });
});
