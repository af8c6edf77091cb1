import * as tf from '@tensorflow/tfjs-core';
import { seededRng, type PatchFeatures, type RgbImage } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import {
  fiveCropFeatures,
  fiveCropPhotos,
  loadStegoModel,
  nearestNeighbors,
  saveStegoModel,
  segmentStego,
  StegoModel,
  stegoPresets,
  trainStego,
  trainStegoDefaults,
  type StegoFeatureSource,
  type TrainStegoOptions,
} from '@u2seg/self-train';
import { fiveCropBoxes, stegoCorrespondence } from '@u2seg/self-train/internal';
import { beforeAll, describe, expect, it } from 'vitest';

const dim = 6;

/** Photos of two materials, left and right of a line; features are a material's direction and noise. */
function twoMaterials(count: number, labelled = false): StegoFeatureSource {
  const materials = [
    [3, 0, 0, 1, 0, 0],
    [0, 0, 3, 0, 1, 0],
  ] as const;
  const line = (index: number): number => 2 + (index % 4);
  const read = (index: number): PatchFeatures => {
    const rng = seededRng(index);
    // Every other photo has a grid of its own.
    const [gridH, gridW] = index % 2 === 0 ? [6, 8] : [5, 7];
    const data = new Float32Array(gridH * gridW * dim);
    for (let cell = 0; cell < gridH * gridW; cell += 1) {
      const material = materials[cell % gridW < line(index) ? 0 : 1]!;
      for (let j = 0; j < dim; j += 1) data[cell * dim + j] = material[j]! + 0.3 * (rng() - 0.5);
    }
    return { data, gridH, gridW, dim, patchSize: 8 };
  };
  const labels = (index: number): { data: Int32Array; height: number; width: number } => {
    const { gridH, gridW } = read(index);
    const data = Int32Array.from({ length: 4 * gridH * gridW }, (_, i) => {
      const column = i % (2 * gridW);
      return column < 2 * line(index) ? 0 : 1;
    });
    return { data, height: 2 * gridH, width: 2 * gridW };
  };
  return { count, dim, read, ...(labelled ? { labels } : {}) };
}

const small: TrainStegoOptions = {
  steps: 12,
  batchSize: 4,
  codeDim: 5,
  classes: 2,
  correspondence: { featureSamples: 4, negativeSamples: 2 },
  learningRate: 5e-3,
  seed: 3,
};

beforeAll(async () => {
  await loadTfBackend('cpu');
});

describe('trainStego', () => {
  it('learns to tell two materials apart, and maps them to pixels', async () => {
    const source = twoMaterials(12);
    const before = tf.memory().numTensors;
    const { model, losses, stopped, backend } = await trainStego(source, { ...small, steps: 60, dropout: false });
    expect(stopped).toBe('finished');
    expect(backend).toBe('cpu');
    const mean = (part: typeof losses): number =>
      part.reduce((sum, { correspondence }) => sum + correspondence, 0) / part.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)));
    const features = await source.read(2);
    const { labels } = await segmentStego(model, features, { height: 48, width: 64 });
    const left = labels[24 * 64 + 4]!;
    const right = labels[24 * 64 + 60]!;
    expect(left).not.toBe(right);
    expect(labels.filter((label) => label === left).length / labels.length).toBeCloseTo(0.5, 1);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('repeats itself to the bit, and a resumed run repeats the unbroken one', async () => {
    const source = twoMaterials(9, true);
    const checkpoints: Uint8Array[] = [];
    const whole = await trainStego(source, {
      ...small,
      checkpointEvery: 5,
      onCheckpoint: (bytes) => {
        checkpoints.push(bytes);
      },
    });
    expect(checkpoints).toHaveLength(3);
    const again = await trainStego(source, small);
    expect(again.checkpoint).toEqual(whole.checkpoint);
    const resumed = await trainStego(source, { ...small, resume: checkpoints[0]! });
    expect(resumed.losses).toEqual(whole.losses.slice(5));
    expect(resumed.checkpoint).toEqual(whole.checkpoint);
    expect(whole.losses.every(({ linear }) => linear > 0)).toBe(true);
  });

  it('stops at the first loss that is not finite', async () => {
    const failure = trainStego(twoMaterials(4), { ...small, learningRate: 1e38 });
    await expect(failure).rejects.toMatchObject({ code: 'not-converged' });
  });

  it('stops when asked, and leaves a checkpoint', async () => {
    const controller = new AbortController();
    const result = await trainStego(twoMaterials(4), {
      ...small,
      signal: controller.signal,
      onProgress: ({ stage, done }) => {
        if (stage === 'stego' && done === 3) controller.abort();
      },
    });
    expect(result).toMatchObject({ stopped: 'aborted', steps: 3 });
    const resumed = await trainStego(twoMaterials(4), { ...small, resume: result.checkpoint });
    expect(resumed.steps).toBe(small.steps);
  });

  it('trains on one photo, and refuses none, NaN and a foreign checkpoint', async () => {
    const one = await trainStego(twoMaterials(1), { ...small, steps: 2 });
    expect(one.losses).toHaveLength(2);
    await expect(trainStego(twoMaterials(0), small)).rejects.toThrow(/source.count/u);
    const bad = twoMaterials(3);
    const read = async (index: number): Promise<PatchFeatures> => {
      const features = await bad.read(index);
      if (index === 2) features.data[5] = NaN;
      return features;
    };
    await expect(trainStego({ ...bad, read }, small)).rejects.toThrow(/photo 2 must be finite/u);
    const other = trainStego(twoMaterials(3), { ...small, codeDim: 4, resume: one.checkpoint });
    await expect(other).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('nearestNeighbors', () => {
  it('leaves the photo itself out, ties to the lower index', async () => {
    const descriptors = Float32Array.of(1, 0, 1, 0, 0, 1, 1, 0);
    const { indices, neighbors } = await nearestNeighbors(descriptors, 4, 2, 2);
    expect(neighbors).toBe(2);
    expect([...indices]).toEqual([1, 3, 0, 3, 0, 1, 0, 1]);
    expect(await nearestNeighbors(Float32Array.of(1), 1, 1, 7)).toEqual({ indices: Int32Array.of(0), neighbors: 1 });
  });

  it('finds the same in blocks of any width', async () => {
    const rng = seededRng(6);
    // Few values, so that similarities tie.
    const descriptors = Float32Array.from({ length: 60 * 3 }, () => Math.round(2 * rng()));
    const whole = await nearestNeighbors(descriptors, 60, 3, 7);
    for (const columns of [1, 7, 59]) expect(await nearestNeighbors(descriptors, 60, 3, 7, columns)).toEqual(whole);
  });
});

describe('five crops', () => {
  it('are four corners and the centre, of half the side', () => {
    expect(fiveCropBoxes(5, 7).map(({ top, left }) => [top, left])).toEqual([
      [0, 0],
      [0, 4],
      [3, 0],
      [3, 4],
      [2, 2],
    ]);
    expect(fiveCropBoxes(5, 7)[0]).toMatchObject({ height: 2, width: 3 });
  });

  it('cut the features of the photo', async () => {
    const source = twoMaterials(2);
    const crops = fiveCropFeatures(source);
    expect(crops.count).toBe(10);
    const whole = await source.read(1);
    const crop = await crops.read(8);
    expect([crop.gridH, crop.gridW]).toEqual([2, 3]);
    expect(crop.data.subarray(0, dim)).toEqual(whole.data.subarray((3 * 7 + 4) * dim, (3 * 7 + 5) * dim));
  });
});

describe('five crops of photos', () => {
  /** Photo i is [4 + i, 6, 3]; the bytes of a pixel are the photo, the row and the column. */
  const photo = (i: number): RgbImage => {
    const [height, width] = [4 + i, 6];
    const at = Array.from({ length: height * width }, (_, k) => [i, Math.floor(k / width), k % width]);
    return { data: Uint8Array.from(at.flat()), height, width };
  };
  /** A backbone of patch size 1 whose features are the bytes. */
  const extract = ({ data, height, width }: RgbImage): PatchFeatures => ({
    data: Float32Array.from(data),
    gridH: height,
    gridW: width,
    dim: 3,
    patchSize: 1,
  });

  it('are cut before the backbone, which sees nothing else', async () => {
    const crops = fiveCropPhotos({ count: 2, read: photo }, { dim: 3, extract });
    expect([crops.count, crops.dim]).toEqual([10, 3]);
    const corners = [];
    for (let c = 0; c < 5; c += 1) {
      const { data, gridH, gridW } = await crops.read(5 + c);
      expect([gridH, gridW, data.length]).toEqual([2, 3, 18]);
      corners.push([...data.subarray(0, 3)]);
    }
    expect(corners).toEqual([
      [1, 0, 0],
      [1, 0, 3],
      [1, 3, 0],
      [1, 3, 3],
      [1, 2, 2],
    ]);
  });

  it('train a head, streamed or stored', async () => {
    const rng = seededRng(12);
    const noisy = Array.from({ length: 4 }, () => ({
      data: Uint8Array.from({ length: 12 * 12 * 3 }, () => 256 * rng()),
      height: 12,
      width: 12,
    }));
    const streamed = fiveCropPhotos({ count: 4, read: (i) => noisy[i]! }, { dim: 3, extract });
    const kept = await Promise.all(Array.from({ length: 20 }, (_, i) => streamed.read(i)));
    const stored = { count: 20, dim: 3, read: (i: number) => kept[i]! };
    const settings = {
      preset: 'cocostuff27-vit-small',
      steps: 2,
      batchSize: 4,
      codeDim: 2,
      classes: 3,
      seed: 1,
    } as const;
    const [first, second] = [await trainStego(streamed, settings), await trainStego(stored, settings)];
    expect(first.losses).toEqual(second.losses);
    first.model.dispose();
    second.model.dispose();
  });

  it('refuse a photo whose data do not fit', async () => {
    const broken = fiveCropPhotos(
      { count: 1, read: () => ({ data: new Uint8Array(5), height: 2, width: 2 }) },
      { dim: 3, extract },
    );
    await expect(broken.read(0)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: fiveCropPhotos: image.data must be [2, 2, 3] (12 values), got 5 values.]`,
    );
  });
});

describe('StegoModel', () => {
  it('survives a file, and refuses another', async () => {
    const config = { featureDim: dim, codeDim: 3, projection: 'linear', clusters: 4, classes: 2 } as const;
    const model = new StegoModel(config, 8);
    const copy = loadStegoModel(saveStegoModel(model));
    expect(copy.state()).toEqual(model.state());
    expect(copy.config).toEqual(config);
    expect(() => loadStegoModel(new Uint8Array(20))).toThrow();
    const features = await twoMaterials(1).read(0);
    const plain = await segmentStego(model, features, { height: 12, width: 16 });
    const image = { data: new Uint8Array(12 * 16 * 3), height: 12, width: 16 };
    // A CRF that changes nothing takes the largest log-probability.
    const crf = (_: unknown, log: Float32Array, labels: number): Uint8Array =>
      Uint8Array.from({ length: 12 * 16 }, (_, pixel) => {
        let sum = 0;
        let best = 0;
        for (let k = 0; k < labels; k += 1) {
          sum += Math.exp(log[k * 192 + pixel]!);
          if (log[k * 192 + pixel]! > log[best * 192 + pixel]!) best = k;
        }
        expect(sum).toBeCloseTo(1, 5);
        return best;
      });
    const refined = await segmentStego(model, features, { height: 12, width: 16, crf, image });
    expect(refined.labels).toEqual(plain.labels);
    await expect(segmentStego(model, features, { height: 12, width: 16, crf })).rejects.toThrow(/got none/u);
  });
});

describe('presets', () => {
  it('are the nine published sets', () => {
    expect(Object.keys(stegoPresets)).toHaveLength(9);
    expect(stegoCorrespondence('cocostuff27-vit-base')).toMatchObject({
      knnWeight: 1,
      randomShift: 1,
      selfShift: 0.12,
    });
    expect(trainStegoDefaults).toMatchObject({ steps: 5000, batchSize: 16, learningRate: 5e-4, codeDim: 70 });
  });
});
