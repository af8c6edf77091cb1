import type { OnProgress } from '@u2seg/core';
import type { Precision } from '@u2seg/heads';
import type { AugmentOptions, ImageResizer } from '../augment/augment.ts';
import type { CopyPasteOptions } from '../copy-paste/copy-paste.ts';
import type { GradientReducer } from '../distributed/gradient-reducer.ts';
import type { OptimizerChoice } from '../optimizer/create-optimizer.ts';
import type { LrSchedule } from '../optimizer/lr-schedule.ts';

/**
 * How a network is trained. A resumed run must repeat everything here but `iterations` and `preciseBnBatches`: the latter acts
 * after the last step, on statistics no checkpoint holds.
 */
export interface TrainRecipe {
  /** Optimizer steps. */
  readonly iterations: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Parts a batch is cut into; their gradients are averaged. Saves memory, changes batch statistics. */
  readonly microBatches?: number;
  readonly optimizer: OptimizerChoice;
  readonly schedule: LrSchedule;
  /** Absent: photos as they are. */
  readonly augment?: AugmentOptions;
  /** Absent: none. Runs after `augment`, on a whole micro-batch. */
  readonly copyPaste?: CopyPasteOptions;
  /** Keeps an average of the weights with this decay, in [0, 1). */
  readonly emaDecay?: number;
  /** Batches whose statistics replace the running ones at the end; absent or 0: none. */
  readonly preciseBnBatches?: number;
  /** Of convolutions and hidden matrix products; default float32. */
  readonly precision?: Precision;
  readonly seed: number;
}

export interface TrainPanopticOptions extends TrainRecipe {
  /** Resizes photos; needed when `augment` changes sizes. */
  readonly resize?: ImageResizer;
  /** Where checkpoints, the curve and TensorBoard's events go; absent: nothing is written, nothing can be resumed. */
  readonly folder?: string;
  /** Iterations between checkpoints; the last one is always written. */
  readonly checkpointEvery?: number;
  /** Checkpoints kept. */
  readonly checkpointsKept?: number;
  /**
   * Processes that share every batch: each takes its part of the micro-batches, whose number must be a multiple of theirs, and
   * all end with the network one process would have. The first one writes; all read, so `folder` must be one they share.
   */
  readonly group?: GradientReducer;
  readonly onProgress?: OnProgress;
  /** Stops after the running iteration, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Wall clock in milliseconds. */
  readonly now?: () => number;
}
