import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { golden } from '@u2seg/testing';
import { applyDeltas, type DeltaWeights } from '../../../src/boxes/box-transform.ts';
import { boxStageLosses } from '../../../src/detector/training/box-losses.ts';
import { dropLossWeights } from '../../../src/detector/training/drop-loss.ts';
import type { LabelledRegions } from '../../../src/detector/training/roi-targets.ts';
import { loadTfBackend } from '../../../src/tf/load-backend.ts';
import { availableBackends } from '../../backends.ts';

interface DropLossJson {
  readonly config: { readonly BBOX_REG_WEIGHTS: readonly DeltaWeights[] };
  readonly cases: Record<string, DropLossCase>;
}

interface DropLossCase {
  readonly num_classes: number;
  readonly droploss_iou_thresh: number;
  readonly use_droploss: boolean;
  readonly gt_per_image: readonly number[];
  readonly losses: Readonly<Record<string, number>>;
  readonly stages: readonly {
    readonly rows_per_image: readonly number[];
    readonly weighted: boolean;
    readonly loss_cls: number;
    readonly loss_box_reg: number;
    readonly dropped_rows?: readonly number[];
  }[];
}

const folder = golden('droploss-copypaste');
const json = folder?.json<DropLossJson>('droploss.json');
const tensors = folder?.tensors('droploss.safetensors');
const backends = await availableBackends();

describe.skipIf(folder === undefined).each(backends)('golden DropLoss on %s', (backend) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it.each(Object.keys(json?.cases ?? {}))('golden %s: dropped rows and losses of every stage', (name) => {
    const facts = json!.cases[name]!;
    for (const [stage, expected] of facts.stages.entries()) {
      const key = `${name}.stage${stage}.`;
      const floats = (part: string): Float32Array | undefined =>
        tensors!.get(key + part)?.data as Float32Array | undefined;
      const weights = json!.config.BBOX_REG_WEIGHTS[stage]!;
      const regions = expected.rows_per_image.map((rows, b): LabelledRegions => {
        const classes = tensors!.get(`${key}img${b}.gt_classes`)!.data as Int32Array;
        const truthBoxes = floats(`img${b}.gt_boxes`);
        return {
          boxes: floats(`img${b}.proposal_boxes`)!,
          classes,
          truthBoxes: truthBoxes ?? new Float32Array(4 * rows),
          matched: new Int32Array(rows),
          hasTruth: facts.gt_per_image[b]! > 0,
        };
      });
      const allRows = expected.rows_per_image.reduce((sum, rows) => sum + rows, 0);
      let at = 0;
      const refined = regions.map(({ boxes }, b) => {
        const decoded = applyDeltas(floats('deltas')!.subarray(at, at + boxes.length), boxes, weights);
        at += boxes.length;
        const wanted = floats(`img${b}.decoded_boxes`);
        if (wanted !== undefined) expect(decoded).toBeAllClose(wanted, { atol: 1e-4 });
        return decoded;
      });
      const dropped = facts.use_droploss
        ? dropLossWeights(regions, refined, facts.droploss_iou_thresh, stage)
        : undefined;
      expect(dropped !== undefined).toBe(expected.weighted);
      if (dropped !== undefined) {
        const rows = [...dropped.keys()].filter((i) => dropped[i] === 0);
        expect(rows).toEqual(expected.dropped_rows);
      }
      const [classification, localization] = tf.tidy(() => {
        const classes = facts.num_classes + 1;
        const logits = tf.tensor2d(floats('cls_logits')!, [allRows, classes]);
        const deltas = tf.tensor2d(floats('deltas')!, [allRows, 4]);
        const losses = boxStageLosses({ logits, deltas }, regions, facts.num_classes, weights, dropped);
        return [losses.classification.dataSync()[0]!, losses.localization.dataSync()[0]!];
      }) as unknown as [number, number];
      expect([classification]).toBeAllClose([expected.loss_cls], { rtol: 1e-5 });
      expect([localization]).toBeAllClose([expected.loss_box_reg], { rtol: 1e-5 });
    }
  });
});
