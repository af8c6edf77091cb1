import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TensorSession } from '@u2seg/core';
import { golden, readPng, unmatchedInstances, type GoldenDetections } from '@u2seg/testing';
import type { PanopticCascadeModel } from '../../src/detector/model.ts';
import { exportOnnx } from '../../src/export/export-onnx.ts';
import { inferWithSession } from '../../src/export/session-inference.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { availableBackends } from '../backends.ts';
import { goldenModel } from '../detector-goldens.ts';
import { agreement } from './export-agreement.ts';
import { runtimes } from './onnx-sessions.ts';

const folder = golden('model-inference');
const images = (folder?.list(/^img\d+\.png$/u) ?? []).map((name) => name.replace('.png', ''));
const backend = (await availableBackends()).at(-1)!;

/** Pixels by which a stuff region may miss the smallest area on one side and reach it on the other. */
const marginalArea = 16;

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
      expect(found.boxError).toBeLessThanOrEqual(0.02);
      expect(found.semanticPixels).toBeLessThanOrEqual(4);
      expect(found.maskPixels).toBeLessThanOrEqual(1e-4 * found.detections * height * width);
      // measured: 12 of 19,200 and 5 of 12,707; borders of masks
      expect(found.panopticPixels).toBeLessThanOrEqual(0.001 * height * width);
      const { minStuffArea } = model.config.panoptic;
      for (const area of found.loneStuffAreas) expect(Math.abs(area - minStuffArea)).toBeLessThanOrEqual(marginalArea);
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
