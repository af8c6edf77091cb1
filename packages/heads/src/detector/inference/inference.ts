import * as tf from '@tensorflow/tfjs-core';
import { clipBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { applyDeltas } from '../../boxes/box-transform.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import { withinScope } from '../../tf/within-scope.ts';
import type { DetectorConfig } from '../config/config.ts';
import { boxStage, poolForBoxes } from '../network/box-head.ts';
import type { Pyramid } from '../network/fpn.ts';
import type { ForwardPass } from '../network/layers.ts';
import { maskLogits, poolForMasks } from '../network/mask-head.ts';
import { rpnHead } from '../network/rpn-head.ts';
import { selectDetections, type Detections } from './detections.ts';
import { levelAnchors, selectProposals, type ImageSize, type Proposals } from './proposals.ts';

/** Proposals of one image from its pyramid. */
export function proposeRegions(
  pass: ForwardPass,
  config: DetectorConfig,
  pyramid: Pyramid,
  size: ImageSize,
): Proposals {
  const levels = rpnHead(pass, pyramid);
  const predictions = levels.map(({ objectness, deltas }) => ({
    logits: objectness.dataSync() as Float32Array,
    deltas: deltas.dataSync() as Float32Array,
  }));
  return selectProposals(predictions, levelAnchors(levels, config.rpn), [size], config.rpn, 'test')[0]!;
}

/** What each box stage saw and said, as typed arrays. */
export interface StageTrace {
  /** [R, 4] boxes that entered the stage */
  readonly boxes: BoxArray;
  /** [R, K + 1] */
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
  /** [R, 4] or [R, 4 K] */
  readonly deltas: Float32Array;
  /** Decoded, not clipped. */
  readonly refined: BoxArray;
}

/** Runs the box stages on given proposals of one image. Empty boxes stay, so that rows agree over stages. */
export function runBoxStages(
  pass: ForwardPass,
  config: DetectorConfig,
  maps: MapRows,
  proposals: BoxArray,
  size: ImageSize,
): StageTrace[] {
  const traces: StageTrace[] = [];
  let boxes = proposals;
  for (const [stage, { deltaWeights }] of config.roi.stages.entries()) {
    const trace = withinScope((): StageTrace => {
      const { logits, deltas } = boxStage(pass, config, stage, poolForBoxes(config, maps, [boxes]));
      const shifts = deltas.dataSync() as Float32Array;
      return {
        boxes,
        logits: logits.dataSync() as Float32Array,
        probabilities: tf.softmax(logits).dataSync() as Float32Array,
        deltas: shifts,
        refined: applyDeltas(shifts, boxes, deltaWeights),
      };
    });
    traces.push(trace);
    boxes = trace.refined.slice();
    clipBoxes(boxes, size.height, size.width);
  }
  return traces;
}

/** Mean of the stages' probabilities: [R, K + 1]. */
export function averageProbabilities(traces: readonly StageTrace[]): Float32Array {
  const mean = new Float32Array(traces[0]!.probabilities.length);
  for (const { probabilities } of traces) for (let i = 0; i < mean.length; i += 1) mean[i]! += probabilities[i]!;
  const share = Math.fround(1 / traces.length);
  return mean.map((value) => value * share);
}

/** Detections of one image with their soft masks, at network size. */
export interface MaskedDetections extends Detections {
  /** [M, maskSize, maskSize] probabilities */
  readonly maskProbabilities: Float32Array;
  readonly maskSize: number;
}

/** Masks of given detections: [M, maskSize, maskSize] probabilities. */
export function predictMasks(
  pass: ForwardPass,
  config: DetectorConfig,
  maps: MapRows,
  detections: Detections,
): MaskedDetections {
  const maskSize = 2 * config.maskHead.poolSize;
  if (detections.scores.length === 0) return { ...detections, maskProbabilities: new Float32Array(0), maskSize };
  const maskProbabilities = withinScope(() => {
    const pooled = poolForMasks(config, maps, [detections.boxes]);
    return tf.sigmoid(maskLogits(pass, config, pooled, detections.classes)).dataSync() as Float32Array;
  });
  return { ...detections, maskProbabilities, maskSize };
}

/** Box stages, selection and masks of one image. */
export function detect(
  pass: ForwardPass,
  config: DetectorConfig,
  maps: MapRows,
  proposals: Proposals,
  size: ImageSize,
): MaskedDetections {
  const traces = runBoxStages(pass, config, maps, proposals.boxes, size);
  const found = selectDetections(traces.at(-1)!.refined, averageProbabilities(traces), size, config.roi);
  return predictMasks(pass, config, maps, found);
}
