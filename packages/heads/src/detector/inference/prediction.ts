import * as tf from '@tensorflow/tfjs-core';
import type { BinaryMask } from '@u2seg/core';
import { clipBoxes, nonemptyBoxes, takeBoxes, takeRows, type BoxArray } from '../../boxes/box-array.ts';
import { pasteMasks } from '../../boxes/paste-masks.ts';
import { resizeBilinear } from '../../tf/resize.ts';
import { semanticStride } from '../network/semantic-head.ts';
import type { MaskedDetections } from './inference.ts';
import type { PanopticMap } from './panoptic.ts';
import type { ImageSize } from './proposals.ts';

/** Instances of one image at output size, by descending score. */
export interface InstancePrediction {
  /** [M, 4] output pixels */
  readonly boxesXyxy: BoxArray;
  /** [M] in [0, 1] */
  readonly scores: Float32Array;
  /** [M] thing clusters in [0, K) */
  readonly classes: Int32Array;
  /** [M] of the output size */
  readonly masks: readonly BinaryMask[];
}

/** Everything the network says about one image. */
export interface Prediction {
  readonly height: number;
  readonly width: number;
  readonly instances: InstancePrediction;
  /** [H, W] most likely stuff class, 0 for things; absent without a semantic branch. */
  readonly semantic?: Int32Array;
  /** Absent without a semantic branch. */
  readonly panoptic?: PanopticMap;
}

/** Detections scaled from network size to output size, with their masks pasted; boxes that vanish are dropped. */
export function finishInstances(found: MaskedDetections, network: ImageSize, output: ImageSize): InstancePrediction {
  const scaleX = Math.fround(output.width / network.width);
  const scaleY = Math.fround(output.height / network.height);
  const scaled = found.boxes.map((value, i) => value * (i % 2 === 0 ? scaleX : scaleY));
  clipBoxes(scaled, output.height, output.width);
  const kept = nonemptyBoxes(scaled);
  const boxesXyxy = takeBoxes(scaled, kept);
  const soft = takeRows(found.maskProbabilities, kept, found.maskSize ** 2);
  return {
    boxesXyxy,
    scores: Float32Array.from(kept, (i) => found.scores[i]!),
    classes: Int32Array.from(kept, (i) => found.classes[i]!),
    masks: pasteMasks(soft, boxesXyxy, found.maskSize, output.height, output.width),
  };
}

/**
 * Semantic logits at output size: upsampled by the head's stride, cut to the unpadded image, resized.
 *
 * [1, H / 4, W / 4, C] -> [1, output.height, output.width, C]
 */
export function finishSemantic(logits: tf.Tensor4D, network: ImageSize, output: ImageSize): tf.Tensor4D {
  const [, gridH, gridW, classes] = logits.shape;
  const upsampled = resizeBilinear(logits, gridH * semanticStride, gridW * semanticStride);
  const cut = tf.slice(upsampled, [0, 0, 0, 0], [1, network.height, network.width, classes]);
  return resizeBilinear(cut, output.height, output.width);
}
