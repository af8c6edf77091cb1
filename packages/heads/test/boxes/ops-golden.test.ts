import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { decodeMask, rleFromString } from '@u2seg/core';
import { golden, type GoldenTensor } from '@u2seg/testing';
import { cellAnchors, gridAnchors } from '../../src/boxes/anchors.ts';
import { cropAndResizeMasks, maskBox } from '../../src/boxes/bit-masks.ts';
import { pairwiseIou } from '../../src/boxes/box-array.ts';
import { applyDeltas, boxDeltas, type DeltaWeights } from '../../src/boxes/box-transform.ts';
import { assignLevels } from '../../src/boxes/level-assignment.ts';
import { matchPredictions } from '../../src/boxes/matcher.ts';
import { batchedNms } from '../../src/boxes/nms.ts';
import { pasteMasks, pasteSoftMasks } from '../../src/boxes/paste-masks.ts';
import { poolPyramid, pyramidRows } from '../../src/detector/network/roi-pooler.ts';
import { loadTfBackend, type TfBackendName } from '../../src/tf/load-backend.ts';
import { roiAlign } from '../../src/tf/roi-align.ts';
import { availableBackends } from '../backends.ts';

interface OpsJson {
  readonly roialign: { readonly spatial_scale: number };
  readonly pooler: { readonly min_level: number; readonly max_level: number };
  readonly nms: Record<string, { iou_threshold: number; has_score_ties: boolean }>;
  readonly box2box: { readonly weights: Record<string, DeltaWeights> };
  readonly paste: {
    readonly image_hw: [number, number];
    readonly threshold: number;
    readonly masks: readonly { size: [number, number]; counts: string }[];
    readonly constant_half_mask_index: number;
    readonly reference_raises_on_cpu_for_boxes_fully_outside: readonly { box: number[] }[];
  };
  readonly crop_and_resize: {
    readonly image_hw: [number, number];
    readonly masks: readonly { size: [number, number]; counts: string }[];
    readonly get_bounding_boxes: readonly number[][];
  };
  readonly anchors: { readonly grid_hw: readonly [number, number][]; readonly strides: readonly number[] };
}

const folder = golden('ops');
const json = folder?.json<OpsJson>('ops.json');
const tensors = folder?.tensors('ops.safetensors') ?? new Map<string, GoldenTensor>();
const names = [...tensors.keys()];
const floats = (name: string): Float32Array => tensors.get(name)!.data as Float32Array;
const shape = (name: string): readonly number[] => tensors.get(name)!.shape;
const backends = await availableBackends();

/** [B, C, H, W] of the golden as a channels-last tensor. */
const map = (name: string): tf.Tensor4D =>
  tf.transpose(tf.tensor4d(floats(name), shape(name) as [number, number, number, number]), [0, 2, 3, 1]);
/** A channels-last result in the golden's [R, C, H, W] order. */
const planar = (x: tf.Tensor4D): Float32Array => tf.transpose(x, [0, 3, 1, 2]).dataSync() as Float32Array;

describe.skipIf(folder === undefined)('golden ops on typed arrays', () => {
  it('golden anchors: cells and grids', () => {
    const levels = names.flatMap((name) => /^anchors\.cell\.(.+)$/u.exec(name)?.[1] ?? []);
    expect(levels.length).toBeGreaterThan(0);
    for (const [i, level] of levels.entries()) {
      const cells = cellAnchors([32 * 2 ** i], [0.5, 1, 2]);
      expect(cells).toBeAllClose(floats(`anchors.cell.${level}`), { rtol: 1e-6 });
      const [height, width] = json!.anchors.grid_hw[i]!;
      const grid = gridAnchors(cells, height, width, json!.anchors.strides[i]!);
      expect(grid).toBeAllClose(floats(`anchors.grid.${level}`), { rtol: 1e-6, atol: 1e-5 });
    }
  });

  it('golden box transform: deltas and their application, class-agnostic and class-specific', () => {
    for (const [name, weights] of Object.entries(json?.box2box.weights ?? {})) {
      const key = `box2box.${name}.`;
      const source = floats(`${key}src`);
      const deltas = boxDeltas(source, floats(`${key}target`), weights);
      // the reference's own float32 and float64 differ by up to 6.4e-5
      expect(deltas).toBeAllClose(floats(`${key}get_deltas`), { atol: 6.4e-5 });
      const applied = applyDeltas(floats(`${key}deltas`), source, weights);
      expect(applied).toBeAllClose(floats(`${key}apply_deltas`), { atol: 1e-5, rtol: 1e-5 });
      const several = `${key}deltas_k5`;
      const rows = shape(several)[0]!;
      const specific = applyDeltas(floats(several), source.subarray(0, 4 * rows), weights);
      expect(specific).toBeAllClose(floats(`${key}apply_deltas_k5`), { atol: 1e-5, rtol: 1e-5 });
    }
  });

  it('golden matcher: IoU, indices and labels', () => {
    const quality = pairwiseIou(floats('matcher.gt'), floats('matcher.boxes'));
    expect(quality).toBeAllClose(floats('matcher.iou'), { atol: 1e-7 });
    for (const name of names) {
      const variant = /^matcher\.(.+)\.label$/u.exec(name)?.[1];
      if (variant === undefined) continue;
      const options =
        variant === 'rpn'
          ? { thresholds: [0.3, 0.7], labels: [0, -1, 1] as const, allowLowQualityMatches: true }
          : {
              thresholds: [Number(variant.replace('roi', ''))],
              labels: [0, 1] as const,
              allowLowQualityMatches: false,
            };
      const matches = matchPredictions(quality, shape('matcher.gt')[0]!, options);
      expect([...matches.labels]).toEqual([...tensors.get(name)!.data]);
      expect([...matches.indices]).toEqual([...tensors.get(`matcher.${variant}.matched_idx`)!.data]);
    }
  });

  it('golden batched NMS: kept boxes in order', () => {
    for (const [name, facts] of Object.entries(json?.nms ?? {})) {
      const groups = tensors.get(`nms.${name}.idxs`)!.data as Int32Array;
      const kept = [
        ...batchedNms(floats(`nms.${name}.boxes`), floats(`nms.${name}.scores`), groups, facts.iou_threshold),
      ];
      const expected = [...(tensors.get(`nms.${name}.keep`)!.data as Int32Array)];
      if (facts.has_score_ties)
        expect(
          kept.toSorted((a, b) => a - b),
          name,
        ).toEqual(expected.toSorted((a, b) => a - b));
      else expect(kept, name).toEqual(expected);
    }
  });

  it('golden level assignment of the pooler', () => {
    const images = names.filter((name) => name.startsWith('pooler.boxes.')).sort();
    const { min_level: min, max_level: max } = json!.pooler;
    const levels = images.flatMap((name) => [...assignLevels(floats(name), min, max)]);
    const expected = [...(tensors.get('pooler.levels')!.data as Int32Array)];
    expect(levels).toEqual(expected);
  });

  it('golden mask pasting: thresholded and soft', () => {
    const { image_hw: size, threshold, masks, constant_half_mask_index: half } = json!.paste;
    const boxes = floats('paste.boxes');
    const soft = floats('paste.masks28');
    const side = shape('paste.masks28')[1]!;
    const pasted = pasteMasks(soft, boxes, side, ...size, threshold);
    for (const [i, mask] of masks.entries()) {
      if (i === half) continue;
      const expected = decodeMask(rleFromString(...mask.size, mask.counts));
      expect(pasted[i]!.data, `mask ${i}`).toEqual(expected.data);
    }
    const levels = pasteSoftMasks(soft, boxes, side, ...size);
    expect(levels).toBeAllClose(tensors.get('paste.soft_uint8')!.data as Uint8Array, { atol: 1 });
    for (const { box } of json!.paste.reference_raises_on_cpu_for_boxes_fully_outside) {
      const outside = pasteMasks(soft.subarray(0, side * side), Float32Array.from(box), side, ...size, threshold);
      expect(outside[0]!.data.every((value) => value === 0)).toBe(true);
    }
  });

  it('golden crop and resize of bit masks, and their boxes', () => {
    const masks = json!.crop_and_resize.masks.map((mask) => decodeMask(rleFromString(...mask.size, mask.counts)));
    const name = names.find((candidate) => candidate.startsWith('crop.out'))!;
    const cropped = cropAndResizeMasks(masks, floats('crop.boxes'), shape(name)[1]!);
    expect([...cropped]).toEqual([...tensors.get(name)!.data]);
    expect(masks.map(maskBox)).toEqual(json!.crop_and_resize.get_bounding_boxes);
  });
});

describe.skipIf(folder === undefined).each(backends)('golden ROI ops on %s', (backend: TfBackendName) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it('golden ROIAlign: adaptive and fixed sampling', () => {
    const rois = floats('roialign.rois_bxyxy');
    const count = shape('roialign.rois_bxyxy')[0]!;
    const images = Int32Array.from({ length: count }, (_, i) => rois[5 * i]!);
    const boxesXyxy = Float32Array.from({ length: 4 * count }, (_, i) => rois[5 * Math.floor(i / 4) + 1 + (i % 4)]!);
    for (const name of names) {
      const [, ratio, side] = /^roialign\.out\.sr(\d+)\.(\d+)$/u.exec(name) ?? [];
      if (ratio === undefined) continue;
      const pooled = tf.tidy(() =>
        planar(
          roiAlign(
            map('roialign.feature'),
            { boxesXyxy, images },
            { outputSize: Number(side), samplingRatio: Number(ratio), spatialScale: json!.roialign.spatial_scale },
          ),
        ),
      );
      expect(pooled, name).toBeAllClose(floats(name), { atol: 2e-5 });
    }
  });

  it('golden pooler: every region from its level', () => {
    const levels = names.filter((name) => name.startsWith('pooler.feature.')).sort();
    const images = names.filter((name) => name.startsWith('pooler.boxes.')).sort();
    const pooled = tf.tidy(() =>
      planar(
        poolPyramid(pyramidRows(levels.map(map)), images.map(floats), {
          outputSize: shape('pooler.out')[3]!,
          samplingRatio: 0,
        }),
      ),
    );
    expect(pooled).toBeAllClose(floats('pooler.out'), { atol: 2e-5 });
  });
});
