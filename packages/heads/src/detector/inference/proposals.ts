import { U2SegError } from '@u2seg/core';
import { pyramidAnchors } from '../../boxes/anchors.ts';
import { clipBoxes, concatBoxes, nonemptyBoxes, takeBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { applyDeltas, type DeltaWeights } from '../../boxes/box-transform.ts';
import { batchedNms, topIndices } from '../../boxes/nms.ts';
import type { RpnConfig } from '../config/config.ts';
import type { RpnLevel } from '../network/rpn-head.ts';

/** Height and width in pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Class-agnostic regions of one image, by descending objectness. */
export interface Proposals {
  /** [R, 4] input pixels, inside the image. */
  readonly boxes: BoxArray;
  /** [R] objectness logits. */
  readonly logits: Float32Array;
}

/** The region proposal network's deltas are not scaled. */
export const rpnDeltaWeights: DeltaWeights = [1, 1, 1, 1];

/** Anchors of every level the head looked at. */
export function levelAnchors(levels: readonly RpnLevel[], config: RpnConfig): Float32Array[] {
  return pyramidAnchors(levels, { sizes: config.anchorSizes, aspectRatios: config.aspectRatios });
}

/** Raw predictions of one level as typed arrays: [B, R] logits and [B, R, 4] deltas. */
export interface LevelPredictions {
  readonly logits: Float32Array;
  readonly deltas: Float32Array;
}

/**
 * The best proposals of each image: the top candidates of every level, decoded, clipped, without empty boxes,
 * suppressed within each level, and the best over all levels.
 *
 * @throws U2SegError `not-converged` in training when a prediction is not finite
 */
export function selectProposals(
  levels: readonly LevelPredictions[],
  anchors: readonly Float32Array[],
  sizes: readonly ImageSize[],
  config: RpnConfig,
  phase: 'train' | 'test',
): Proposals[] {
  return sizes.map((size, image) => {
    const boxes: BoxArray[] = [];
    const logits: number[] = [];
    const groups: number[] = [];
    for (const [level, predictions] of levels.entries()) {
      const count = anchors[level]!.length / 4;
      const scores = predictions.logits.subarray(image * count, (image + 1) * count);
      const top = topIndices(scores, Math.min(config.preNmsTopk[phase], count));
      const deltas = predictions.deltas.subarray(image * count * 4, (image + 1) * count * 4);
      boxes.push(applyDeltas(takeBoxes(deltas, top), takeBoxes(anchors[level]!, top), rpnDeltaWeights));
      for (const i of top) {
        logits.push(scores[i]!);
        groups.push(level);
      }
    }
    return suppress(concatBoxes(boxes), Float32Array.from(logits), groups, size, config, phase);
  });
}

function suppress(
  candidates: BoxArray,
  logits: Float32Array,
  groups: readonly number[],
  size: ImageSize,
  config: RpnConfig,
  phase: 'train' | 'test',
): Proposals {
  const finite = (i: number): boolean =>
    Number.isFinite(logits[i]!) && candidates.subarray(4 * i, 4 * i + 4).every(Number.isFinite);
  if (phase === 'train') {
    for (let i = 0; i < logits.length; i += 1) {
      if (!finite(i)) throw new U2SegError('not-converged', 'selectProposals: predicted boxes are not finite.');
    }
  }
  const boxes = candidates.slice();
  clipBoxes(boxes, size.height, size.width);
  const usable = nonemptyBoxes(boxes).filter((i) => phase === 'train' || finite(i));
  const usedBoxes = takeBoxes(boxes, usable);
  const usedLogits = Float32Array.from(usable, (i) => logits[i]!);
  const kept = batchedNms(
    usedBoxes,
    usedLogits,
    Int32Array.from(usable, (i) => groups[i]!),
    config.nmsThreshold,
  ).slice(0, config.postNmsTopk[phase]);
  return { boxes: takeBoxes(usedBoxes, kept), logits: Float32Array.from(kept, (i) => usedLogits[i]!) };
}
