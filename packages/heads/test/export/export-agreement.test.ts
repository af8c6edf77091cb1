import { describe, expect, it } from 'vitest';
import { combinePanoptic } from '../../src/detector/inference/panoptic.ts';
import type { Prediction } from '../../src/detector/inference/prediction.ts';
import { agreement, isUndecided } from './export-agreement.ts';

const config = { overlapThreshold: 0.5, minInstanceScore: 0.5, minStuffArea: 1 };
const [height, width] = [1, 20];

/** Things as runs [from, to) of one row of pixels, on stuff of class 1. */
function prediction(runs: readonly (readonly [number, number])[]): Prediction {
  const masks = runs.map(([from, to]) => {
    return { height, width, data: Uint8Array.from({ length: width }, (_, i) => Number(i >= from && i < to)) };
  });
  const scores = Float32Array.from(runs, (_, i) => 0.9 - 0.1 * i);
  const classes = new Int32Array(runs.length);
  const semantic = new Int32Array(width).fill(1);
  const panoptic = combinePanoptic({ masks, scores, classes, semantic }, config);
  const boxesXyxy = Float32Array.from(runs.flatMap((_, i) => [10 * i, 0, 10 * i + 5, 1]));
  return { height, width, instances: { boxesXyxy, scores, classes, masks }, semantic, panoptic };
}

describe('agreement', () => {
  const two = [
    [0, 8],
    [10, 15],
  ] as const;

  it('explains a pixel by the mask that differs there', () => {
    const found = agreement(prediction(two), prediction([[0, 9], two[1]]));
    expect(found).toMatchObject({ unmatched: 0, maskPixels: 1, panopticPixels: 1, unexplainedPixels: 0 });
    expect(found.maskDifferences).toEqual([[0, 8]]);
  });

  it('does not explain a pixel of the panoptic map where nothing else differs', () => {
    const other = prediction(two);
    other.panoptic!.ids[12] = 1;
    expect(agreement(prediction(two), other)).toMatchObject({ panopticPixels: 1, unexplainedPixels: 1 });
  });

  it('tells an undecided thing from one that is lost', () => {
    // of the second thing 5 of 9 pixels are taken, then 5 of 10
    const undecided = agreement(
      prediction([
        [0, 8],
        [3, 12],
      ]),
      prediction([
        [0, 8],
        [3, 13],
      ]),
    );
    expect(undecided.unexplainedPixels).toBe(0);
    expect(undecided.loneThings).toMatchObject([{ pixels: 10, overlap: 0.5, changed: 1 }]);
    expect(isUndecided(undecided.loneThings[0]!, config)).toBe(true);

    const lost = prediction(two);
    const { panoptic, ...rest } = prediction(two);
    const without = {
      segments: panoptic!.segments.filter(({ instance }) => instance !== 1),
      ids: panoptic!.ids.map((id) => (id === 2 ? 0 : id)),
    };
    const found = agreement(lost, { ...rest, panoptic: without });
    expect(found.loneThings).toMatchObject([{ pixels: 5, overlap: 0, changed: 0 }]);
    expect(isUndecided(found.loneThings[0]!, config)).toBe(false);
  });
});
