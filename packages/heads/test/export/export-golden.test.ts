import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbImage, TensorSession } from '@u2seg/core';
import { golden, readPng, unmatchedInstances, type GoldenDetections } from '@u2seg/testing';
import { pasteSoftMasks } from '../../src/boxes/paste-masks.ts';
import type { DetectorConfig } from '../../src/detector/config/config.ts';
import type { Prediction } from '../../src/detector/inference/prediction.ts';
import type { PanopticCascadeModel } from '../../src/detector/model.ts';
import { exportOnnx } from '../../src/export/export-onnx.ts';
import { inferWithSession, normalizedTensor } from '../../src/export/session-inference.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { availableBackends } from '../backends.ts';
import { goldenModel } from '../detector-goldens.ts';
import { agreement, isUndecided } from './export-agreement.ts';
import { runtimes } from './onnx-sessions.ts';

const folder = golden('model-inference');
const images = (folder?.list(/^img\d+\.png$/u) ?? []).map((name) => name.replace('.png', ''));
const backend = (await availableBackends()).at(-1)!;

/** Pixels by which a stuff region may miss the smallest area on one side and reach it on the other. */
const marginalArea = 16;

/**
 * Where masks of two engines differ, 255 times the soft mask lies so near the threshold of 127.5 (whole numbers, cut off). Of 66
 * pairs of native TensorFlow and onnxruntime-node and -web, on the goldens' weights and on ten perturbations of 1e-7, the
 * farthest was 1.5; against the unperturbed network it was 2.5. On other processors the order of sums differs likewise.
 */
const closeMask = 2.5;

/** Masks of a graph before the threshold, see {@link pasteSoftMasks}. */
async function softMasks(
  session: TensorSession,
  image: RgbImage,
  config: DetectorConfig,
  { height, width, instances }: Prediction,
): Promise<Uint8Array> {
  const { masks } = await session.run({ image: normalizedTensor(image, config) });
  const side = 2 * config.maskHead.poolSize;
  // no box of the goldens vanishes, so rows agree
  expect(masks!.shape[0]).toBe(instances.scores.length);
  return pasteSoftMasks(masks!.data as Float32Array, instances.boxesXyxy, side, height, width);
}

describe.skipIf(folder === undefined).each(['onnxruntime-node', 'onnxruntime-web', 'python'] as const)(
  'golden model exported to %s',
  (name) => {
    const available = runtimes[name] !== undefined;
    let model: PanopticCascadeModel;
    let session: TensorSession;
    beforeAll(async () => {
      if (!available) return;
      await loadTfBackend(backend);
      model = goldenModel(folder!);
      session = await runtimes[name]!(exportOnnx(model));
    });
    afterAll(async () => {
      model?.dispose();
      await session?.dispose();
    });

    it.skipIf(!available).each(images)(`golden %s: says what ${backend} says`, async (image) => {
      const pixels = readPng(folder!.file(`${image}_resized.png`));
      const { height, width } = folder!.json<GoldenDetections>(`${image}_final.json`);
      const options = { output: { height, width } };
      const expected = model.infer(pixels, options);
      const actual = await inferWithSession(session, model.config, pixels, options);
      const found = agreement(actual, expected);
      expect(found.detections).toBe(expected.instances.scores.length);
      expect(found.unmatched, JSON.stringify(found)).toBe(0);
      expect(found.scoreError).toBeLessThanOrEqual(1e-3);
      // of the pairs of closeMask: 0.030, against the unperturbed network 0.035
      expect(found.boxError).toBeLessThanOrEqual(0.035);
      expect(found.semanticPixels).toBeLessThanOrEqual(4);
      expect(found.maskPixels).toBeLessThanOrEqual(1e-4 * found.detections * height * width);
      expect(found.unexplainedPixels).toBe(0);
      const soft = await softMasks(session, pixels, model.config, actual);
      for (const [row, pixel] of found.maskDifferences)
        expect(Math.abs(soft[row * height * width + pixel]! - 127.5)).toBeLessThanOrEqual(closeMask);
      for (const thing of found.loneThings) expect(thing).toSatisfy(() => isUndecided(thing, model.config.panoptic));
      const slack = marginalArea + found.loneThingPixels;
      for (const area of found.loneStuffAreas)
        expect(Math.abs(area - model.config.panoptic.minStuffArea)).toBeLessThanOrEqual(slack);
    });

    it.skipIf(!available).each(images)('golden %s: says what the reference says', async (image) => {
      const pixels = readPng(folder!.file(`${image}_resized.png`));
      const final = folder!.json<GoldenDetections>(`${image}_final.json`);
      const actual = await inferWithSession(session, model.config, pixels, {
        output: { height: final.height, width: final.width },
      });
      expect(actual.instances.scores.length).toBe(final.instances.length);
      expect(unmatchedInstances(final, actual.instances)).toEqual([]);
      const { minStuffArea } = model.config.panoptic;
      const sure = actual.panoptic!.segments.filter(
        ({ isThing, area }) => isThing || area > minStuffArea + marginalArea,
      );
      const named = new Set(
        final.panoptic_segments_info.map(({ isthing, category_id: category }) => `${isthing} ${category}`),
      );
      for (const { isThing, category } of sure) expect(named).toContain(`${isThing} ${category}`);
      expect(Math.abs(actual.panoptic!.segments.length - final.panoptic_segments_info.length)).toBeLessThanOrEqual(
        actual.panoptic!.segments.length - sure.length + 1,
      );
    });
  },
);
