import { join } from 'node:path';
import type { PanopticCascadeModel } from '@u2seg/heads';
import { U2SegError, type OnProgress, type RgbImage } from '@u2seg/core';
import type { TrainingExample, TrainingSet } from '../data/training-set.ts';
import type { PanopticPrediction } from '../prediction/predict-panoptic.ts';
import { trainPanoptic, type TrainResult } from '../train/train-panoptic.ts';
import type { TrainPanopticOptions } from '../train/train-recipe.ts';
import { nextLabels, type NextLabelOptions } from './next-labels.ts';

/** One round: which predictions become labels, and how the student learns from them. */
export interface SelfTrainRound {
  readonly labels: NextLabelOptions;
  readonly training: Omit<TrainPanopticOptions, 'folder' | 'onProgress' | 'signal'>;
}

/** Score from which a prediction becomes a label, by round: CutLER's published commands. */
export const roundScores: readonly number[] = [0.7, 0.65];

/** Keeps the labels of a round; the default keeps them in memory. */
export interface LabelStore {
  write(round: number, index: number, example: TrainingExample): Promise<void>;
  read(round: number, index: number): Promise<TrainingExample>;
}

export interface SelfTrainOptions {
  readonly rounds: readonly SelfTrainRound[];
  /** The teacher's prediction on a photo: `predictPanoptic`, or `predictViews` for a teacher with test-time augmentation. */
  predict(model: PanopticCascadeModel, image: RgbImage): Promise<PanopticPrediction>;
  /** Round `r` trains in `round-r` below it; absent: nothing is written, nothing can be resumed. */
  readonly folder?: string;
  readonly store?: LabelStore;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface RoundResult {
  /** 1 for the first round. */
  readonly round: number;
  /** Instances over all photos: labels the round started from, and labels it was trained on. */
  readonly labelsBefore: number;
  readonly labelsAfter: number;
  /** Of the last round with the average, if it keeps one; the caller disposes it. */
  readonly training: TrainResult;
}

/**
 * Rounds of self-training: the network labels the photos, then learns from those labels.
 *
 * In each round the trained network (its average where the training keeps one) predicts every photo; {@link nextLabels} joins
 * that with the labels it was trained on; training goes on from its weights with a fresh optimizer. A resumed run predicts
 * again, which costs time and changes nothing, and continues the training it finds.
 *
 * @param model - trained on `data`; changed in place
 * @returns one entry per finished round
 * @throws U2SegError whatever {@link trainPanoptic} throws
 */
export async function selfTrain(
  model: PanopticCascadeModel,
  data: TrainingSet,
  options: SelfTrainOptions,
): Promise<RoundResult[]> {
  const store = options.store ?? memoryStore();
  const results: RoundResult[] = [];
  let labelled: TrainingSet = data;
  for (const [i, { labels, training }] of options.rounds.entries()) {
    const round = i + 1;
    let labelsBefore = 0;
    let labelsAfter = 0;
    for (let index = 0; index < data.length; index += 1) {
      if (options.signal?.aborted === true) return results;
      const example = await labelled.load(index);
      const next = nextLabels(example, await options.predict(model, example.image), labels);
      await store.write(round, index, next);
      labelsBefore += example.instances.length;
      labelsAfter += next.instances.length;
      const values = { round, labels: labelsAfter };
      options.onProgress?.({ stage: 'relabel', done: index + 1, total: data.length, unit: 'photos', values });
    }
    labelled = { length: data.length, load: async (index) => store.read(round, index) };
    const result = await trainPanoptic(model, labelled, {
      ...training,
      ...(options.folder === undefined ? {} : { folder: join(options.folder, `round-${round}`) }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const { ema, ...rest } = result;
    const last = !result.finished || round === options.rounds.length;
    results.push({ round, labelsBefore, labelsAfter, training: last ? result : rest });
    if (last) return results;
    ema?.adopt();
    ema?.dispose();
  }
  return results;
}

function memoryStore(): LabelStore {
  const kept = new Map<string, TrainingExample>();
  return {
    write: async (round, index, example) => {
      kept.set(`${round}/${index}`, example);
      // The labels before the last are not read again.
      kept.delete(`${round - 2}/${index}`);
    },
    read: async (round, index) => {
      const example = kept.get(`${round}/${index}`);
      if (example === undefined) {
        throw new U2SegError('not-found', `selfTrain: round ${round} has no labels for photo ${index}.`);
      }
      return example;
    },
  };
}
