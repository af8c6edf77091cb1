import { assertLength, U2SegError, type BinaryMask, type RgbImage } from '@u2seg/core';
import type { BoxArray } from '../../boxes/box-array.ts';

/** Labelled instances of one image, in its pixels. */
export interface TrainInstances {
  /** [M, 4] */
  readonly boxesXyxy: BoxArray;
  /** [M] thing clusters in [0, K) */
  readonly classes: Int32Array;
  /** [M] of the image's size */
  readonly masks: readonly BinaryMask[];
}

/** One training image with its labels, at the size the network sees. */
export interface TrainSample {
  readonly image: RgbImage;
  readonly instances: TrainInstances;
  /** [H, W] stuff classes, 0 for things, the ignore label elsewhere. Needed by a network with a semantic branch. */
  readonly semantic?: Uint8Array;
  /** Pixels nobody labelled: background anchors and proposals that lie mostly inside are left out of the losses. */
  readonly ignore?: BinaryMask;
}

/**
 * Checks that the parts of a sample agree.
 *
 * @throws U2SegError `shape-mismatch`, or `wrong-usage` if the semantic labels a network needs are missing
 */
export function assertTrainSample(where: string, sample: TrainSample, needsSemantic: boolean): void {
  const { image, instances, semantic, ignore } = sample;
  assertLength(`${where}: image.data`, image.data.length, [image.height, image.width, 3]);
  assertLength(`${where}: instances.boxesXyxy`, instances.boxesXyxy.length, [instances.classes.length, 4]);
  assertLength(`${where}: instances.masks`, instances.masks.length, [instances.classes.length]);
  for (const mask of ignore === undefined ? instances.masks : [...instances.masks, ignore]) {
    assertLength(`${where}: mask`, mask.data.length, [image.height, image.width]);
  }
  if (semantic !== undefined) assertLength(`${where}: semantic`, semantic.length, [image.height, image.width]);
  else if (needsSemantic)
    throw new U2SegError(
      'wrong-usage',
      `${where}: the network has a semantic branch, but the sample has no semantic labels.`,
    );
}
