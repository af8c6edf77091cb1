import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMask, SeededRng, type Rle, type RgbImage } from '@u2seg/core';
import { ContourNetwork, loadTfBackend, stateDict } from '@u2seg/heads';
import {
  readCurve,
  SceneComposer,
  trainContours,
  type PhotoRegions,
  type TrainContoursOptions,
} from '@u2seg/self-train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MipMap } from '../../src/contours/mip-map.ts';

/** A photo of one colour with a disc as its region. */
function plain(colour: readonly [number, number, number], height = 60, width = 80): PhotoRegions {
  const data = new Uint8Array(height * width * 3);
  const disc = new Uint8Array(height * width);
  for (let i = 0; i < height * width; i += 1) {
    data.set(colour, 3 * i);
    disc[i] = (Math.floor(i / width) - height / 2) ** 2 + ((i % width) - width / 2) ** 2 < 400 ? 1 : 0;
  }
  return { image: { data, height, width }, regions: [encodeMask({ data: disc, height, width })] };
}

const photos = [plain([20, 20, 20]), plain([230, 40, 40]), plain([40, 40, 230]), plain([40, 220, 60])];

describe('SceneComposer', () => {
  it('makes the same scene of the same seed, and another of another', () => {
    const composer = new SceneComposer(photos);
    const [a, b, c] = [5, 5, 6].map((seed) => composer.compose(new SeededRng(seed), 64));
    expect(b).toEqual(a);
    expect(c!.image).not.toEqual(a!.image);
    expect(a!.image).toHaveLength(64 * 64 * 3);
    expect(a!.contours).toHaveLength(64 * 64);
  });

  it('marks a contour wherever content changes for good, and nowhere that it does not', () => {
    const composer = new SceneComposer(photos);
    const size = 96;
    let [marked, far] = [0, 0];
    for (let seed = 0; seed < 20; seed += 1) {
      const { image, contours } = composer.compose(new SeededRng(seed), size);
      const near = (x: number, y: number): boolean => {
        for (let v = Math.max(0, y - 6); v <= Math.min(size - 1, y + 6); v += 1)
          for (let u = Math.max(0, x - 6); u <= Math.min(size - 1, x + 6); u += 1)
            if (contours[v * size + u] === 1) return true;
        return false;
      };
      for (let y = 0; y < size; y += 1) {
        for (let x = 0; x + 8 < size; x += 1) {
          const [i, j] = [y * size + x, y * size + x + 8];
          if (contours[i] === 1) marked += 1;
          // Photos of one colour: without a contour nearby only noise tells two pixels apart.
          const change = Math.max(...[0, 1, 2].map((c) => Math.abs(image[3 * i + c]! - image[3 * j + c]!)));
          if (change > 0.35 && !near(x + 4, y)) far += 1;
        }
      }
    }
    expect(marked).toBeGreaterThan(1000);
    expect(far).toBe(0);
  });

  it('goes on where regions reach the border, lie outside or are tiny', () => {
    const whole = encodeMask({ data: new Uint8Array(60 * 80).fill(1), height: 60, width: 80 });
    const dot = encodeMask({
      data: Uint8Array.from({ length: 60 * 80 }, (_, i) => (i === 4799 ? 1 : 0)),
      height: 60,
      width: 80,
    });
    const composer = new SceneComposer([{ image: photos[1]!.image, regions: [whole, dot] }]);
    for (let seed = 0; seed < 50; seed += 1) {
      const { image } = composer.compose(new SeededRng(seed), 32);
      expect(image.every(Number.isFinite)).toBe(true);
    }
  });

  it('says what is missing', () => {
    expect(() => new SceneComposer([])).toThrow(/wanted photos with regions, got 0/u);
    expect(() => new SceneComposer([{ image: photos[0]!.image, regions: [] }])).toThrow(/got 1 photos without/u);
    const other: Rle = encodeMask({ data: new Uint8Array(4).fill(1), height: 2, width: 2 });
    expect(() => new SceneComposer([{ image: photos[0]!.image, regions: [other] }])).toThrow(
      /photos\[0\] must be \[60, 80\], got \[2, 2\]/u,
    );
  });
});

describe('MipMap', () => {
  const ramp: RgbImage = {
    data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => 10 * (Math.floor(i / 3) % 16)),
    height: 16,
    width: 16,
  };
  const at = (scale: number, x: number, y: number): number => {
    const to = new Float32Array(3);
    new MipMap(ramp).reader(scale)(x, y, to, 0);
    return to[0]!;
  };

  it('reads between pixels, and beyond the border what is mirrored', () => {
    expect(at(1, 3.5, 8)).toBe(30);
    expect(at(1, 4, 8)).toBe(35);
    expect(at(1, -2.5, 8)).toBe(at(1, 2.5, 8));
    expect(at(1, 18.5, 8)).toBe(at(1, 13.5, 8));
  });

  it('reads averages where several pixels become one', () => {
    expect(at(0.5, 4, 8)).toBe(35);
    expect(at(0.25, 8, 8)).toBe(75);
    expect(at(1 / 64, 8, 8)).toBe(75);
  });
});

describe('trainContours', () => {
  const options: TrainContoursOptions = { iterations: 6, batchSize: 2, size: 32, seed: 3, checkpointEvery: 2 };
  const create = (): ContourNetwork => ContourNetwork.create({ channels: [4, 6] }, { seed: 1 });
  let folder: string;
  beforeEach(async () => {
    await loadTfBackend('auto');
    folder = await mkdtemp(join(tmpdir(), 'u2seg-contours-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('learns where things end, in scenes it has not seen too', async () => {
    const network = create();
    const composer = new SceneComposer(photos);
    const recipe = { iterations: 120, batchSize: 4, size: 32, learningRate: 0.02, seed: 3 };
    expect((await trainContours(network, composer, recipe)).finished).toBe(true);
    const sums = { on: [0, 0], off: [0, 0] };
    for (let seed = 1000; seed < 1010; seed += 1) {
      const { image, contours } = composer.compose(new SeededRng(seed), 64);
      const data = Uint8Array.from(image, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
      network.predict({ data, height: 64, width: 64 }).forEach((p, i) => {
        const sum = contours[i] === 1 ? sums.on : sums.off;
        sum[0]! += p;
        sum[1]! += 1;
      });
    }
    const [on, off] = [sums.on[0]! / sums.on[1]!, sums.off[0]! / sums.off[1]!];
    expect(on).toBeGreaterThan(2 * off);
    network.dispose();
  });

  it('stopped and started again takes the steps of an undisturbed run, to the last bit', async () => {
    const composer = new SceneComposer(photos);
    const [whole, broken, resumed] = [create(), create(), create()];
    const undisturbed = await trainContours(whole, composer, options);
    const stop = new AbortController();
    const first = await trainContours(broken, composer, {
      ...options,
      folder,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 3) stop.abort();
      },
    });
    expect([first.iterations, first.finished]).toEqual([3, false]);
    const second = await trainContours(resumed, composer, { ...options, folder });
    expect(second.curve).toEqual(undisturbed.curve);
    expect(await readCurve(join(folder, 'curve.jsonl'))).toEqual(undisturbed.curve);
    expect(stateDict(resumed)).toEqual(stateDict(whole));
    const other = { ...options, folder, iterations: 8 };
    await expect(trainContours(create(), composer, other)).rejects.toMatchObject({ code: 'conflict' });
    for (const network of [whole, broken, resumed]) network.dispose();
  });

  it('names the option that is wrong', async () => {
    const composer = new SceneComposer(photos);
    for (const [name, wrong] of [
      ['iterations', { iterations: -1 }],
      ['batchSize', { batchSize: 0 }],
      ['size', { size: 2 }],
      ['checkpointEvery', { checkpointEvery: 0 }],
    ] as const) {
      await expect(trainContours(create(), composer, { ...options, ...wrong })).rejects.toThrow(name);
    }
    await expect(trainContours(create(), composer, { ...options, size: 34 })).rejects.toThrow(/multiples of 4/u);
  });
});
