import { decodeMask, deriveSeed, encodeMask, rleArea, rleBbox, SeededRng, type RgbImage } from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { augment, type TrainingExample } from '@u2seg/self-train';
import { shortestEdgeSize } from '@u2seg/self-train/internal';

const resize = (image: RgbImage, height: number, width: number): RgbImage =>
  resizePillow(image, height, width, 'bilinear');

/** Photo whose red channel, semantic map and one mask all mark the same rectangle. */
function example(height: number, width: number): TrainingExample {
  const data = new Uint8Array(height * width * 3).fill(40);
  const semantic = new Uint8Array(height * width).fill(2);
  const mask = new Uint8Array(height * width);
  for (let y = 2; y < height - 3; y += 1) {
    for (let x = 1; x < Math.floor(width / 2); x += 1) {
      data[(y * width + x) * 3] = 240;
      semantic[y * width + x] = 0;
      mask[y * width + x] = 1;
    }
  }
  const rle = encodeMask({ data: mask, height, width });
  return {
    image: { data, height, width },
    instances: [{ mask: rle, bboxXywh: rleBbox(rle), area: rleArea(rle), score: 1, clusterId: 3 }],
    semantic,
  };
}

describe('shortestEdgeSize', () => {
  it('rounds as detectron2 does and respects the longest side', () => {
    expect(shortestEdgeSize(480, 640, 800, 1333)).toEqual({ height: 800, width: 1067 });
    expect(shortestEdgeSize(100, 1000, 800, 1333)).toEqual({ height: 133, width: 1333 });
    expect(shortestEdgeSize(1, 1000, 10, 20)).toEqual({ height: 1, width: 20 });
  });
});

describe('augment', () => {
  it('mirrors image, mask and map together', async () => {
    const input = example(12, 16);
    const got = await augment(input, new SeededRng(1), resize, { flip: 1, shortestEdge: [] });
    const { data } = decodeMask(got.instances[0]!.mask);
    for (let y = 0; y < 12; y += 1) {
      for (let x = 0; x < 16; x += 1) {
        const from = y * 16 + 15 - x;
        expect(got.image.data[(y * 16 + x) * 3]).toBe(input.image.data[from * 3]);
        expect(got.semantic![y * 16 + x]).toBe(input.semantic![from]);
        expect(data[y * 16 + x]).toBe(input.semantic![from] === 0 ? 1 : 0);
      }
    }
  });

  it('returns the input where nothing is to be changed', async () => {
    const input = example(9, 7);
    expect(await augment(input, new SeededRng(1), resize, { flip: 0, shortestEdge: [] })).toEqual(input);
  });

  it('keeps masks, map and image aligned under every draw, with one result a seed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, jitter) => {
        const options = jitter
          ? { largeScaleJitter: { minScale: 0.5, maxScale: 2, height: 40, width: 32 } }
          : { shortestEdge: [24, 40, 52], maxSize: 60 };
        const rng = (): SeededRng => new SeededRng(deriveSeed(seed, 'augment', 3, 1));
        const got = await augment(example(30, 36), rng(), resize, options);
        expect(await augment(example(30, 36), rng(), resize, options)).toEqual(got);
        const { height, width } = got.image;
        const inside =
          got.instances[0] === undefined ? new Uint8Array(height * width) : decodeMask(got.instances[0].mask).data;
        let wrong = 0;
        inside.forEach((value, p) => {
          expect(got.semantic![p] === 0).toBe(value === 1);
          if (got.image.data[p * 3]! > 140 !== (value === 1)) wrong += 1;
        });
        // Only the rim may differ: the image is interpolated, labels are not.
        expect(wrong).toBeLessThanOrEqual(2 * (height + width));
      }),
      { numRuns: 25 },
    );
  });

  it('fills what lies outside the photo with grey and unknown', async () => {
    const options = { flip: 0, largeScaleJitter: { minScale: 0.5, maxScale: 0.5, height: 20, width: 20 } };
    const got = await augment(example(20, 20), new SeededRng(1), resize, options);
    expect(got.image.data.at(-1)).toBe(128);
    expect(got.semantic!.at(-1)).toBe(255);
    expect(got.instances[0]!.area).toBeGreaterThan(0);
  });

  it('drops an instance the window misses and names a resizer that does not do its job', async () => {
    const options = { flip: 0, shortestEdge: [2] };
    const tiny = await augment(example(30, 36), new SeededRng(1), resize, options);
    expect(tiny.instances.every((segment) => segment.area > 0)).toBe(true);
    await expect(augment(example(30, 36), new SeededRng(1), (image) => image, options)).rejects.toThrow(
      'resize must return',
    );
  });

  it('changes colours within bounds only when asked', async () => {
    const input = example(12, 16);
    const options = { flip: 0, shortestEdge: [], colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 } };
    const got = await augment(input, new SeededRng(4), resize, options);
    expect(got.image.data).not.toEqual(input.image.data);
    expect(got.instances).toEqual(input.instances);
  });
});
