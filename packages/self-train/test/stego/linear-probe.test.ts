import { seededRng, type PatchFeatures } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import {
  saveStegoModel,
  segmentLinear,
  StegoModel,
  trainLinearProbe,
  type LabelledFeatures,
  type LinearProbeWeights,
} from '@u2seg/self-train';
import { beforeAll, describe, expect, it } from 'vitest';

const dim = 3;
const [gridH, gridW] = [4, 6];

/** Photos of two materials, left and right of a line that moves; labels at twice the grid, the last row unlabelled. */
function twoMaterials(count: number): LabelledFeatures {
  const left = (index: number, column: number): boolean => column < 2 + (index % 3);
  return {
    count,
    dim,
    read: (index): PatchFeatures => {
      const rng = seededRng(index);
      const data = Float32Array.from({ length: gridH * gridW * dim }, (_, i) => {
        const column = Math.floor(i / dim) % gridW;
        return (i % dim === (left(index, column) ? 0 : 1) ? 2 : 0) + 0.2 * (rng() - 0.5);
      });
      return { data, gridH, gridW, dim, patchSize: 8 };
    },
    labels: (index) => ({
      height: 2 * gridH,
      width: 2 * gridW,
      data: Int32Array.from({ length: 4 * gridH * gridW }, (_, i) => {
        if (i >= 2 * gridW * (2 * gridH - 1)) return -1;
        return left(index, Math.floor((i % (2 * gridW)) / 2)) ? 1 : 0;
      }),
    }),
  };
}

const model = (): StegoModel =>
  new StegoModel({ featureDim: dim, codeDim: 4, projection: 'linear', clusters: 2, classes: 0 }, 1);

beforeAll(async () => {
  await loadTfBackend('auto');
});

describe('trainLinearProbe', () => {
  it('learns classes of photos it then has not seen, and leaves the model as it was', async () => {
    const stego = model();
    const before = saveStegoModel(stego);
    const source = twoMaterials(9);
    const probe = await trainLinearProbe(stego, source, { classes: 2, steps: 150, batchSize: 3, learningRate: 0.05 });
    expect(saveStegoModel(stego)).toEqual(before);
    const unseen = twoMaterials(12);
    const found = await segmentLinear(stego, probe, await unseen.read(10), { height: 2 * gridH, width: 2 * gridW });
    const { data } = await unseen.labels(10);
    const right = [...found].filter((label, i) => data[i] === label).length;
    expect(right / data.filter((label) => label >= 0).length).toBeGreaterThan(0.9);
    stego.dispose();
  });

  it('repeats itself for a seed', async () => {
    const stego = model();
    const train = (seed: number): Promise<LinearProbeWeights> =>
      trainLinearProbe(stego, twoMaterials(4), { classes: 2, steps: 5, batchSize: 2, seed });
    expect(await train(1)).toEqual(await train(1));
    expect(await train(1)).not.toEqual(await train(2));
    stego.dispose();
  });

  it('refuses to learn from nothing', async () => {
    const stego = model();
    await expect(trainLinearProbe(stego, twoMaterials(0), { classes: 2 })).rejects.toThrow(/source\.count/u);
    stego.dispose();
  });
});

describe('segmentLinear', () => {
  it('takes the larger score by hand, ties to the lower class, and hands the CRF log-probabilities', async () => {
    const stego = model();
    const features = await twoMaterials(1).read(0);
    const size = { height: gridH, width: gridW };
    const constant = (bias: number[]): LinearProbeWeights => ({
      weight: new Float32Array(bias.length * 4),
      bias: Float32Array.from(bias),
    });
    expect([...(await segmentLinear(stego, constant([0, 1, 1]), features, size))]).toEqual(
      Array.from({ length: gridH * gridW }, () => 1),
    );
    const image = { ...size, data: new Uint8Array(3 * gridH * gridW) };
    const log: number[] = [];
    const refined = await segmentLinear(stego, constant([0, Math.log(3)]), features, {
      ...size,
      image,
      crf: (_, values) => {
        log.push(values[0]!, values[gridH * gridW]!);
        return new Uint8Array(gridH * gridW);
      },
    });
    expect(log[0]).toBeCloseTo(Math.log(0.25), 6);
    expect(log[1]).toBeCloseTo(Math.log(0.75), 6);
    expect(refined.every((label) => label === 0)).toBe(true);
    await expect(segmentLinear(stego, constant([0, 1]), features, { ...size, crf: () => [] })).rejects.toThrow(
      /image must be \[4, 6\]/u,
    );
    stego.dispose();
  });
});
