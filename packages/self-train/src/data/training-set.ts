import type { RgbImage, Segment } from '@u2seg/core';

/** One photo with its pseudo-labels, all in the photo's own pixels. */
export interface TrainingExample {
  readonly image: RgbImage;
  /** Things. Boxes usually are the tight boxes of the masks; the trainer takes them as they are. */
  readonly instances: readonly Segment[];
  /** [H, W]: 0 thing, `1 + cluster` stuff, 255 unknown; absent for a model without a semantic branch. */
  readonly semantic?: Uint8Array;
  /** [H, W], 1 where nothing may be learned: no anchor or box centred there counts as background. */
  readonly ignore?: Uint8Array;
  /** How messages call it, for example the file name. */
  readonly name?: string;
}

/** Random access to training examples; `load` is called once per use and may read from disk. */
export interface TrainingSet {
  /** Number of examples. */
  readonly length: number;
  /** @param index - in [0, length) */
  load(index: number): Promise<TrainingExample>;
}
