import { encodeMask, rleArea, rleBbox, rleIou, type Segment } from '@u2seg/core';
import { expect, it } from 'vitest';
import { refineInstances } from '../../src/predict/refine-instances.ts';

const [height, width] = [60, 80];
/** A bright square [20, 40) x [30, 55) on dark ground. */
const inside = (y: number, x: number): boolean => y >= 20 && y < 40 && x >= 30 && x < 55;
const image = {
  height,
  width,
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return inside(Math.floor(pixel / width), pixel % width) ? 230 : 25;
  }),
};

function segment(score: number, holds: (y: number, x: number) => boolean): Segment {
  const data = Uint8Array.from({ length: height * width }, (_, i) => (holds(Math.floor(i / width), i % width) ? 1 : 0));
  const mask = encodeMask({ data, height, width });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score, clusterId: 3 };
}

it('pulls a mask to the edges of the photo and keeps its cluster', () => {
  const truth = segment(1, inside);
  const blurred = segment(0.8, (y, x) => inside(y - 2, x - 3));
  const [refined] = refineInstances(image, [blurred]);
  expect(rleIou(refined!.mask, truth.mask)).toBeGreaterThan(rleIou(blurred.mask, truth.mask));
  expect(refined!.score).toBeCloseTo(0.8 * rleIou(blurred.mask, refined!.mask), 12);
  expect(refined!.clusterId).toBe(3);
  expect(refined!.bboxXywh).toEqual(rleBbox(refined!.mask));
});

it('puts a mask that no edge bears out behind one that edges do', () => {
  const sound = segment(0.6, inside);
  const loose = segment(0.65, (y, x) => y >= 5 && y < 30 && x >= 5 && x < 45);
  expect(refineInstances(image, [loose, sound])[0]!.mask).toEqual(refineInstances(image, [sound])[0]!.mask);
});

it('takes a photo without instances', () => {
  expect(refineInstances(image, [])).toEqual([]);
});
