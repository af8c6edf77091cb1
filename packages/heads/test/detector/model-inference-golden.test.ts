import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { decodeMask, rleFromString } from '@u2seg/core';
import { golden, readPng, unmatchedInstances, type GoldenDetections, type GoldenTensor } from '@u2seg/testing';
import { selectDetections } from '../../src/detector/inference/detections.ts';
import { averageProbabilities, predictMasks, runBoxStages } from '../../src/detector/inference/inference.ts';
import { finishSemantic } from '../../src/detector/inference/prediction.ts';
import { levelAnchors, selectProposals } from '../../src/detector/inference/proposals.ts';
import type { PanopticCascadeModel } from '../../src/detector/model.ts';
import { poolForBoxes } from '../../src/detector/network/box-head.ts';
import { featurePyramid, type Pyramid } from '../../src/detector/network/fpn.ts';
import type { ForwardPass } from '../../src/detector/network/layers.ts';
import { imageBatch } from '../../src/detector/network/preprocess.ts';
import { resnet } from '../../src/detector/network/resnet.ts';
import { pyramidRows } from '../../src/detector/network/roi-pooler.ts';
import { rpnHead } from '../../src/detector/network/rpn-head.ts';
import { semanticLogits } from '../../src/detector/network/semantic-head.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { availableBackends } from '../backends.ts';
import { goldenModel } from '../detector-goldens.ts';

const folder = golden('model-inference');
const images = (folder?.list(/^img\d+\.png$/u) ?? []).map((name) => name.replace('.png', ''));
const backends = await availableBackends();
const backend = backends.at(-1)!;
/** Golden maps are [B, C, H, W]. */
const channelsLast = (tensor: GoldenTensor): tf.Tensor4D =>
  tf.transpose(
    tf.tensor4d(tensor.data as Float32Array, [...tensor.shape] as [number, number, number, number]),
    [0, 2, 3, 1],
  );
const planar = (x: tf.Tensor): Float32Array => tf.transpose(x, [0, 3, 1, 2]).dataSync() as Float32Array;
const levels = ['p2', 'p3', 'p4', 'p5', 'p6'];

describe.skipIf(folder === undefined)(`golden model inference on ${backend}`, () => {
  let model: PanopticCascadeModel;
  let pass: ForwardPass;

  beforeAll(async () => {
    await loadTfBackend(backend);
    model = goldenModel(folder!);
    pass = { parameters: model.store, training: false, onStatistics: () => {} };
  });
  afterAll(() => model?.dispose());

  it.each(images)('golden %s: backbone, pyramid, RPN maps and semantic logits', (name) => {
    const expected = folder!.tensors(`${name}_tensors.safetensors`);
    const floats = (key: string): Float32Array => expected.get(key)!.data as Float32Array;
    tf.tidy(() => {
      const batch = imageBatch([readPng(folder!.file(`${name}_resized.png`))], model.config);
      expect(planar(batch), 'preprocessed').toBeAllClose(floats('preprocessed'), { atol: 1e-5 });
      const maps = resnet(pass, model.config.resnet, channelsLast(expected.get('preprocessed')!));
      for (const [key, map] of Object.entries(maps)) {
        expect(planar(map as tf.Tensor), key).toBeAllClose(floats(`backbone.${key}`), { ofMax: 1e-4 });
      }
      const pyramid = featurePyramid(pass, model.config.fpn, maps);
      for (const [i, level] of levels.entries()) {
        expect(planar(pyramid[i]!), level).toBeAllClose(floats(`fpn.${level}`), { ofMax: 1e-4 });
      }
      const heads = rpnHead(pass, pyramid);
      for (const [i, level] of levels.entries()) {
        const { objectness, deltas, height, width } = heads[i]!;
        const asMap = (x: tf.Tensor): Float32Array => planar(tf.reshape(x, [1, height, width, -1]));
        expect(asMap(objectness), level).toBeAllClose(floats(`rpn.objectness.${level}`), { ofMax: 1e-4 });
        expect(asMap(deltas), level).toBeAllClose(floats(`rpn.deltas.${level}`), { ofMax: 1e-4 });
      }
      const logits = semanticLogits(pass, model.config.semantic!, pyramid);
      expect(planar(logits), 'semantic').toBeAllClose(floats('sem_seg.logits_stride4'), { ofMax: 1e-4 });
    });
  });

  it.each(images)('golden %s: anchors and proposals from the golden RPN maps', (name) => {
    const expected = folder!.tensors(`${name}_tensors.safetensors`);
    const floats = (key: string): Float32Array => expected.get(key)!.data as Float32Array;
    const size = readPng(folder!.file(`${name}_resized.png`));
    const grids = levels.map((level, i) => {
      const [, , height, width] = expected.get(`rpn.objectness.${level}`)!.shape as number[];
      return { height: height!, width: width!, stride: 4 * 2 ** i } as never;
    });
    const anchors = levelAnchors(grids, model.config.rpn);
    for (const [i, level] of levels.entries()) {
      expect(anchors[i]!).toBeAllClose(floats(`rpn.anchors.${level}`), { atol: 1e-4 });
    }
    const predictions = tf.tidy(() =>
      levels.map((level) => ({
        logits: channelsLast(expected.get(`rpn.objectness.${level}`)!).dataSync() as Float32Array,
        deltas: channelsLast(expected.get(`rpn.deltas.${level}`)!).dataSync() as Float32Array,
      })),
    );
    const [proposals] = selectProposals(predictions, anchors, [size], model.config.rpn, 'test');
    // given the very maps of the reference, order and selection are reproducible
    expect(proposals!.logits).toBeAllClose(floats('proposals.logits'), { atol: 1e-6 });
    expect(proposals!.boxes).toBeAllClose(floats('proposals.boxes'), { atol: 1e-4 });
  });

  it.each(images)('golden %s: pooling, box stages, detections and masks from golden pyramid and proposals', (name) => {
    const expected = folder!.tensors(`${name}_tensors.safetensors`);
    const floats = (key: string): Float32Array => expected.get(key)!.data as Float32Array;
    const size = readPng(folder!.file(`${name}_resized.png`));
    tf.tidy(() => {
      const pyramid = levels.map((level) => channelsLast(expected.get(`fpn.${level}`)!)) as unknown as Pyramid;
      const maps = pyramidRows(pyramid);
      const stages = model.config.roi.stages.length;
      for (let stage = 0; stage < stages; stage += 1) {
        const boxes = floats(`roi.stage${stage}.proposals`);
        const pooledKey = `roi.stage${stage}.pooled_first32`;
        const pooledFirst = expected.get(pooledKey);
        if (pooledFirst !== undefined) {
          const rows = pooledFirst.shape[0]!;
          const pooled = poolForBoxes(model.config, maps, [boxes.subarray(0, 4 * rows)]);
          expect(planar(pooled), pooledKey).toBeAllClose(floats(pooledKey), { ofMax: 2e-5 });
        }
      }
      const traces = runBoxStages(pass, model.config, maps, floats('roi.stage0.proposals'), size);
      for (const [stage, trace] of traces.entries()) {
        const key = `roi.stage${stage}.`;
        expect(trace.boxes, `${key}proposals`).toBeAllClose(floats(`${key}proposals`), { atol: 5e-3 });
        expect(trace.logits, `${key}logits`).toBeAllClose(floats(`${key}cls_logits`), { ofMax: 1e-4 });
        expect(trace.deltas, `${key}deltas`).toBeAllClose(floats(`${key}deltas`), { ofMax: 1e-4 });
        expect(trace.refined, `${key}pred_boxes`).toBeAllClose(floats(`${key}pred_boxes`), { atol: 1e-2 });
        expect(trace.probabilities, `${key}probs`).toBeAllClose(floats(`${key}probs`), { atol: 1e-4 });
      }
      expect(averageProbabilities(traces)).toBeAllClose(floats('roi.avg_probs'), { atol: 1e-4 });

      const refined = floats(`roi.stage${stages - 1}.pred_boxes`);
      const found = selectDetections(refined, floats('roi.avg_probs'), size, model.config.roi);
      expect([...found.classes]).toEqual([...expected.get('det.classes')!.data]);
      expect([...found.rows]).toEqual([...expected.get('det.kept_proposal_index')!.data]);
      expect(found.scores).toBeAllClose(floats('det.scores'), { atol: 1e-6 });
      expect(found.boxes).toBeAllClose(floats('det.boxes'), { atol: 1e-4 });
      const masked = predictMasks(pass, model.config, maps, found);
      expect(masked.maskProbabilities).toBeAllClose(floats('det.mask_probs28'), { atol: 1e-4 });
    });
  });

  it.each(images)('golden %s: semantic map at output size', (name) => {
    const expected = folder!.tensors(`${name}_tensors.safetensors`);
    const size = readPng(folder!.file(`${name}_resized.png`));
    tf.tidy(() => {
      const post = expected.get('sem_seg.post')!;
      const [, height, width] = post.shape as [number, number, number];
      const logits = finishSemantic(channelsLast(expected.get('sem_seg.logits_stride4')!), size, { height, width });
      expect(planar(logits)).toBeAllClose(post.data as Float32Array, { ofMax: 1e-6 });
      const argmax = tf.argMax(logits, 3).dataSync();
      const wanted = readPng(folder!.file(`${name}_semseg_argmax.png`)).data;
      expect(argmax.filter((label, i) => label !== wanted[i]).length).toBeLessThanOrEqual(0.001 * wanted.length);
    });
  });

  it.each(images)('golden %s: robust variant end to end, row by row', (name) => {
    const expected = folder!.tensors(`${name}_robust_tensors.safetensors`);
    const floats = (key: string): Float32Array => expected.get(key)!.data as Float32Array;
    const final = folder!.json<GoldenDetections>(`${name}_robust_final.json`);
    const topk = { pre: 150, post: 40, detections: 15 };
    const { config } = model;
    const robust = goldenModel(folder!, folder!, () => ({
      ...config,
      rpn: {
        ...config.rpn,
        preNmsTopk: { ...config.rpn.preNmsTopk, test: topk.pre },
        postNmsTopk: { ...config.rpn.postNmsTopk, test: topk.post },
      },
      roi: { ...config.roi, detectionsPerImage: topk.detections },
    }));
    const image = readPng(folder!.file(`${name}_resized.png`));
    const { height, width } = folder!.json<GoldenDetections>(`${name}_final.json`);
    const result = robust.infer(image, { output: { height, width } });
    robust.dispose();
    const { instances } = result;
    expect([...instances.classes]).toEqual(final.instances.map(({ category }) => category));
    expect(instances.scores).toBeAllClose(
      final.instances.map(({ score }) => score),
      { atol: 1e-3 },
    );
    expect(instances.boxesXyxy).toBeAllClose(
      final.instances.flatMap(({ bbox_xyxy: box }) => box),
      { atol: 0.03 },
    );
    expect(floats('det.scores').length).toBeGreaterThan(0);
    let differing = 0;
    for (const [i, { mask }] of final.instances.entries()) {
      const wanted = decodeMask(rleFromString(...mask.size, mask.counts)).data;
      differing += instances.masks[i]!.data.filter((value, k) => value !== wanted[k]).length;
    }
    expect(differing).toBeLessThanOrEqual(10);
    const segments = result.panoptic!.segments.map(({ isThing, category }) => [isThing, category]);
    expect(segments).toEqual(final.panoptic_segments_info.map((segment) => [segment.isthing, segment.category_id]));
    const wanted = readPng(folder!.file(`${name}_robust_panoptic.png`)).data;
    const pixels = result.panoptic!.ids.filter((id, i) => id !== wanted[i]).length;
    expect(pixels).toBeLessThanOrEqual(0.001 * wanted.length);
  });

  it.each(images)('golden %s: full setting end to end, as a set', (name) => {
    const final = folder!.json<GoldenDetections>(`${name}_final.json`);
    const image = readPng(folder!.file(`${name}_resized.png`));
    const result = model.infer(image, { output: { height: final.height, width: final.width } });
    const { instances } = result;
    expect(instances.scores.length).toBe(final.instances.length);
    expect(unmatchedInstances(final, instances)).toEqual([]);
    const segments = result.panoptic!.segments.map(({ isThing, category }) => [isThing, category]);
    expect(segments).toEqual(final.panoptic_segments_info.map((segment) => [segment.isthing, segment.category_id]));
    const wanted = readPng(folder!.file(`${name}_panoptic.png`)).data;
    expect(result.panoptic!.ids.filter((id, i) => id !== wanted[i]).length).toBeLessThanOrEqual(0.002 * wanted.length);
  });
});
