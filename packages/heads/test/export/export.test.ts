import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { SeededRng, type RgbImage, type TensorSession } from '@u2seg/core';
import { readOnnxModel } from '@u2seg/interchange';
import type { DetectorConfig } from '../../src/detector/config/config.ts';
import { cutlerConfig, maskRcnnConfig, tinyConfig, u2segConfig } from '../../src/detector/config/presets.ts';
import { PanopticCascadeModel } from '../../src/detector/model.ts';
import { configMetadataKey, exportOnnx } from '../../src/export/export-onnx.ts';
import { inferWithSession } from '../../src/export/session-inference.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { availableBackends } from '../backends.ts';
import { sharpen } from '../sharpen.ts';
import { agreement, isUndecided } from './export-agreement.ts';
import { runtimes } from './onnx-sessions.ts';

const backend = (await availableBackends()).at(-1)!;
const node = runtimes['onnxruntime-node'];

/** Blocks of colour, so that regions differ. */
function picture(height: number, width: number, seed: number): RgbImage {
  const rng = new SeededRng(seed);
  const cells = Float32Array.from({ length: 8 * 8 * 3 }, () => 255 * rng.next());
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < data.length; i += 1) {
    const pixel = Math.floor(i / 3);
    const cell = Math.floor((8 * Math.floor(pixel / width)) / height) * 8 + Math.floor((8 * (pixel % width)) / width);
    data[i] = Math.min(255, Math.max(0, cells[3 * cell + (i % 3)]! + 20 * rng.normal()));
  }
  return { data, height, width };
}

const base = tinyConfig(u2segConfig(5));
const configs: Readonly<Record<string, DetectorConfig>> = {
  'U2Seg, tiny': base,
  'CutLER cascade': tinyConfig(cutlerConfig()),
  'CutLER Mask R-CNN': tinyConfig(maskRcnnConfig()),
  'class-specific boxes and masks': {
    ...tinyConfig({ ...maskRcnnConfig(), roi: { ...maskRcnnConfig().roi, numClasses: 3 } }),
    maskHead: { ...base.maskHead, classAgnostic: false },
  },
  'adaptive sampling, group norm and convolutions in every head, frozen statistics': {
    ...base,
    resnet: { ...base.resnet, norm: 'FrozenBN', freezeAt: 2 },
    fpn: { ...base.fpn, norm: 'GN' },
    boxHead: { ...base.boxHead, numConvs: 1, convChannels: 32, numFcs: 1, norm: 'GN', samplingRatio: 0 },
    maskHead: { ...base.maskHead, norm: 'GN', classAgnostic: false, samplingRatio: 0 },
    rpn: {
      ...base.rpn,
      anchorSizes: [
        [16, 24],
        [32, 48],
        [64, 96],
        [128, 192],
        [256, 384],
      ],
    },
  },
  'no semantic branch, a single stage of fully connected layers': {
    ...tinyConfig(cutlerConfig()),
    boxHead: { ...base.boxHead, numFcs: 1 },
  },
};

describe.skipIf(node === undefined)(`exported graph in onnxruntime-node against ${backend}`, () => {
  beforeAll(() => loadTfBackend(backend));

  describe.each(Object.entries(configs))('%s', (_, config) => {
    let model: PanopticCascadeModel;
    let session: TensorSession;
    beforeAll(async () => {
      model = PanopticCascadeModel.create({ ...config, roi: { ...config.roi, minScore: 0.01 } }, { seed: 3 });
      sharpen(model, 7);
      session = await node!(exportOnnx(model));
    });
    afterAll(async () => {
      model.dispose();
      await session.dispose();
    });

    it.each([
      [96, 128, 96, 128],
      [65, 130, 65, 130],
      [160, 97, 211, 128],
      [32, 32, 20, 40],
    ])('agrees on an image of %d x %d shown at %d x %d', async (height, width, outHeight, outWidth) => {
      const image = picture(height, width, height);
      const options = { output: { height: outHeight, width: outWidth } };
      const expected = model.infer(image, options);
      const actual = await inferWithSession(session, model.config, image, options);
      const found = agreement(actual, expected);
      expect(expected.instances.scores.length).toBeGreaterThan(0);
      expect(found.unmatched, JSON.stringify(found)).toBe(0);
      expect(found.scoreError).toBeLessThanOrEqual(1e-4);
      expect(found.maskPixels).toBeLessThanOrEqual(0.0005 * found.detections * outHeight * outWidth);
      expect(found.semanticPixels).toBeLessThanOrEqual(0.001 * outHeight * outWidth);
      expect(found.unexplainedPixels).toBe(0);
      for (const thing of found.loneThings) expect(thing).toSatisfy(() => isUndecided(thing, base.panoptic));
      expect([...actual.instances.classes]).toEqual([...expected.instances.classes]);
    });
  });

  it.each([1, 2, 3, 4])('agrees for another network and image, seed %d', async (seed) => {
    const model = PanopticCascadeModel.create(base, { seed });
    sharpen(model, seed);
    const session = await node!(exportOnnx(model));
    const image = picture(100 + 13 * seed, 150 - 11 * seed, seed);
    const found = agreement(await inferWithSession(session, base, image), model.infer(image));
    expect(found.unmatched, JSON.stringify(found)).toBe(0);
    expect(found.unexplainedPixels).toBe(0);
    for (const thing of found.loneThings) expect(thing).toSatisfy(() => isUndecided(thing, base.panoptic));
    model.dispose();
    await session.dispose();
  });

  it('gives no instance where none is sure enough', async () => {
    const model = PanopticCascadeModel.create(base, { seed: 0 });
    const sure = { ...base, roi: { ...base.roi, minScore: 0.999 } };
    const strict = new PanopticCascadeModel(sure, model.store);
    const session = await node!(exportOnnx(strict));
    const { instances, panoptic } = await inferWithSession(session, sure, picture(64, 64, 0));
    expect(instances.scores.length).toBe(0);
    expect(panoptic!.ids.length).toBe(64 * 64);
    model.dispose();
    await session.dispose();
  });

  it('gives no instance for a network whose proposals are not finite', async () => {
    const model = PanopticCascadeModel.create(base, { seed: 0 });
    const bias = model.store.get('proposal_generator.rpn_head.anchor_deltas.bias');
    const broken = tf.mul(bias, Number.NaN);
    bias.assign(broken as never);
    broken.dispose();
    const session = await node!(exportOnnx(model));
    const { instances } = await inferWithSession(session, base, picture(64, 64, 0));
    expect(instances.scores.length).toBe(0);
    expect(model.infer(picture(64, 64, 0)).instances.scores.length).toBe(0);
    model.dispose();
    await session.dispose();
  });
});

describe.each(['onnxruntime-web', 'python'] as const)('exported graph in %s', (name) => {
  it.skipIf(runtimes[name] === undefined)(`agrees with ${backend}`, async () => {
    await loadTfBackend(backend);
    const model = PanopticCascadeModel.create(base, { seed: 5 });
    sharpen(model, 5);
    const session = await runtimes[name]!(exportOnnx(model));
    const image = picture(90, 120, 5);
    const found = agreement(await inferWithSession(session, base, image), model.infer(image));
    expect(found.detections).toBeGreaterThan(0);
    expect(found.unmatched, JSON.stringify(found)).toBe(0);
    expect(found.unexplainedPixels).toBe(0);
    for (const thing of found.loneThings) expect(thing).toSatisfy(() => isUndecided(thing, base.panoptic));
    model.dispose();
    await session.dispose();
  });
});

describe('exportOnnx', () => {
  beforeAll(() => loadTfBackend(backend));

  it('keeps the configuration and what it is told in the metadata, and names inputs and outputs', () => {
    const model = PanopticCascadeModel.create(base, { seed: 0 });
    const graph = readOnnxModel(exportOnnx(model, { metadata: { licence: 'CC0-1.0' } }));
    model.dispose();
    expect(JSON.parse(graph.metadata.get(configMetadataKey)!)).toEqual(base);
    expect(graph.metadata.get('licence')).toBe('CC0-1.0');
    expect(graph.opsets.get('')).toBe(17);
    expect(graph.inputs.map(({ name, shape }) => [name, shape])).toEqual([['image', [1, 3, 'height', 'width']]]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['boxes', 'scores', 'classes', 'masks', 'semantic_logits']);
  });

  it('refuses a cascade with class-specific boxes', () => {
    const config = { ...base, roi: { ...base.roi, classAgnosticBoxes: false } };
    const model = PanopticCascadeModel.create(config, { seed: 0 });
    expect(() => exportOnnx(model)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: exportOnnx: a cascade refines one box a region; classAgnosticBoxes is false.]`,
    );
    model.dispose();
  });
});
