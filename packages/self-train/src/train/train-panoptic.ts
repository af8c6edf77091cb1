import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, deriveSeed, SeededRng, U2SegError, type OnProgress } from '@u2seg/core';
import type { DetectorConfig, PanopticCascadeModel, TrainSample } from '@u2seg/heads';
import { augment, type AugmentOptions, type ImageResizer } from '../augment/augment.ts';
import { copyPasteRandom } from '../copy-paste/copy-paste-random.ts';
import { copyPaste, type CopyPasteOptions } from '../copy-paste/copy-paste.ts';
import { createOptimizer, type OptimizerChoice } from '../optimizer/create-optimizer.ts';
import { ema as createEma, type Ema } from '../optimizer/ema.ts';
import { assertLrSchedule, learningRate, type LrSchedule } from '../optimizer/lr-schedule.ts';
import { preciseBatchNorm } from '../optimizer/precise-bn.ts';
import { openEventWriter, type EventWriter } from '../tensorboard/event-writer.ts';
import { accumulateGradients } from './accumulate-gradients.ts';
import { listCheckpoints, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { appendCurve, truncateCurve, type CurvePoint } from './curve-file.ts';
import { DataOrder } from './data-order.ts';
import { modelBuffers, modelParameters } from './model-tensors.ts';
import { trainSample } from './train-sample.ts';
import type { TrainingExample, TrainingSet } from './training-set.ts';

/** How a network is trained. Everything here but `iterations` is part of what a resumed run must repeat. */
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
  readonly onProgress?: OnProgress;
  /** Stops after the running iteration, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Wall clock in milliseconds. */
  readonly now?: () => number;
}

export interface TrainResult {
  /** Iterations finished, those of earlier runs included. */
  readonly iterations: number;
  /** Iterations an earlier run had finished. */
  readonly resumedFrom: number;
  /** Every iteration, read back from earlier runs where there is a folder. */
  readonly curve: readonly CurvePoint[];
  /** False when the signal stopped the run early. */
  readonly finished: boolean;
  /** Average of the weights; the caller disposes it. */
  readonly ema?: Ema;
}

/** Share of a batch in the running statistics of batch normalization (detectron2). */
const batchNormMomentum = 0.1;

export const trainPanopticDefaults: { readonly checkpointEvery: number; readonly checkpointsKept: number } = {
  checkpointEvery: 1000,
  checkpointsKept: 2,
};

/**
 * Trains a network on labelled photos, from where an earlier run in the same folder stopped.
 *
 * A killed and resumed run takes the same steps as an undisturbed one: batches, augmentation and sampling are functions of
 * the seed and the iteration, and a checkpoint holds weights, statistics, optimizer and average.
 *
 * @param model - its parameters are changed in place
 * @returns the curve and, with `emaDecay`, the average
 * @throws U2SegError `not-converged` if a loss is not finite, naming iteration and photos; the last checkpoint stays
 * @throws U2SegError `conflict` if the folder holds a run with another recipe
 */
export async function trainPanoptic(
  model: PanopticCascadeModel,
  data: TrainingSet,
  options: TrainPanopticOptions,
): Promise<TrainResult> {
  const { batchSize, schedule, seed, folder, now = Date.now } = options;
  const { checkpointEvery, checkpointsKept } = { ...trainPanopticDefaults, ...options };
  const microBatches = options.microBatches ?? 1;
  assertInteger('trainPanoptic: data.length', data.length, 1);
  assertInteger('trainPanoptic: iterations', options.iterations, 0);
  assertInteger('trainPanoptic: batchSize', batchSize, 1);
  assertInteger('trainPanoptic: microBatches', microBatches, 1, batchSize);
  assertLrSchedule('trainPanoptic: schedule', schedule);

  const parameters = modelParameters(model);
  const buffers = modelBuffers(model);
  const optimizer = createOptimizer(parameters, options.optimizer);
  const average = options.emaDecay === undefined ? undefined : createEma(parameters, buffers, options.emaDecay);
  const variables = new Map<string, tf.Variable>([
    ...[...parameters, ...buffers].map(({ name, variable }): [string, tf.Variable] => [`model.${name}`, variable]),
    ...[...optimizer.state].map(([name, variable]): [string, tf.Variable] => [`optimizer.${name}`, variable]),
    ...[...(average?.state ?? [])].map(([name, variable]): [string, tf.Variable] => [`ema.${name}`, variable]),
  ]);
  const fingerprint = fingerprintOf(options, data.length, model.config);
  const order = new DataOrder(data.length, seed);
  const checkpoints = folder === undefined ? undefined : join(folder, 'checkpoints');
  const curvePath = folder === undefined ? undefined : join(folder, 'curve.jsonl');
  let events: EventWriter | undefined;
  let iteration = 0;
  let curve: CurvePoint[] = [];
  try {
    if (checkpoints !== undefined && curvePath !== undefined && folder !== undefined) {
      await mkdir(folder, { recursive: true });
      const newest = (await listCheckpoints(checkpoints)).find((entry) => entry.iteration <= options.iterations);
      if (newest !== undefined) iteration = await readCheckpoint(newest.path, variables, fingerprint);
      curve = await truncateCurve(curvePath, iteration);
      if (iteration < options.iterations) events = await openEventWriter(folder, iteration + 1, now);
    }
    optimizer.steps = iteration;
    const resumedFrom = iteration;
    const started = now();
    const stopped = (): boolean => options.signal?.aborted === true;
    while (iteration < options.iterations && !stopped()) {
      const names: string[] = [];
      const current = iteration;
      const batch = async (part: number): Promise<readonly TrainSample[]> => {
        const examples = await loadBatch(data, order, current, part, options);
        names.push(...examples.map(({ name }) => name));
        return examples.map(({ example }) => trainSample(example));
      };
      const step = await accumulateGradients(
        model,
        microBatches,
        batch,
        (part) => new SeededRng(deriveSeed(seed, 'sample', current, part)),
      ).catch((cause: unknown) => {
        if (!(cause instanceof U2SegError) || cause.code !== 'not-converged') throw cause;
        throw new U2SegError(
          'not-converged',
          `trainPanoptic: iteration ${current + 1} on [${names.join(', ')}]: ${cause.message} ${lastGood(checkpoints)}`,
          { cause },
        );
      });
      const lr = learningRate(schedule, iteration);
      optimizer.step(step.gradients, lr);
      for (const gradient of Object.values(step.gradients)) gradient.dispose();
      average?.update();
      iteration += 1;
      const point: CurvePoint = { iteration, lr, total: step.total, losses: step.losses };
      curve.push(point);
      if (curvePath !== undefined) await appendCurve(curvePath, point);
      const seconds = (now() - started) / 1000;
      const rate = ((iteration - resumedFrom) * batchSize) / Math.max(seconds, 1e-9);
      await events?.scalars(iteration, eventValues(point, rate));
      options.onProgress?.({
        stage: 'train',
        done: iteration,
        total: options.iterations,
        unit: 'iterations',
        values: {
          loss: step.total,
          ...step.losses,
          lr,
          imagesPerSecond: rate,
          secondsLeft: ((options.iterations - iteration) * batchSize) / rate,
          memoryMiB: process.memoryUsage.rss() / 2 ** 20,
          tensors: tf.memory().numTensors,
        },
      });
      const last = iteration === options.iterations || stopped();
      if (checkpoints !== undefined && (last || iteration % checkpointEvery === 0)) {
        await writeCheckpoint(checkpoints, { iteration, variables, fingerprint }, checkpointsKept);
      }
    }
    const finished = iteration === options.iterations;
    if (finished) await finishStatistics(model, data, order, options);
    return { iterations: iteration, resumedFrom, curve, finished, ...(average === undefined ? {} : { ema: average }) };
  } catch (cause) {
    average?.dispose();
    throw cause;
  } finally {
    await events?.close();
    optimizer.dispose();
  }
}

/** Photos of one part of one step's batch, augmented. */
async function loadBatch(
  data: TrainingSet,
  order: DataOrder,
  iteration: number,
  part: number,
  options: TrainPanopticOptions,
): Promise<{ readonly name: string; readonly example: TrainingExample }[]> {
  const { batchSize, seed, microBatches = 1 } = options;
  const first = Math.floor((part * batchSize) / microBatches);
  const end = Math.floor(((part + 1) * batchSize) / microBatches);
  const names: string[] = [];
  const examples: TrainingExample[] = [];
  for (let slot = first; slot < end; slot += 1) {
    const index = order.at(iteration * batchSize + slot);
    const example = await data.load(index);
    names.push(example.name ?? `example ${index}`);
    examples.push(await augmented(example, new SeededRng(deriveSeed(seed, 'augment', iteration, slot)), options));
  }
  const random = copyPasteRandom(new SeededRng(deriveSeed(seed, 'copy-paste', iteration, part)));
  const pasted = options.copyPaste === undefined ? examples : copyPaste(examples, random, options.copyPaste);
  return pasted.map((example, i) => ({ name: names[i]!, example }));
}

async function augmented(
  example: TrainingExample,
  rng: SeededRng,
  options: TrainPanopticOptions,
): Promise<TrainingExample> {
  if (options.augment === undefined) return example;
  const missing: ImageResizer = () => {
    throw new U2SegError('wrong-usage', 'trainPanoptic: augment changes sizes, so resize must be given.');
  };
  return augment(example, rng, options.resize ?? missing, options.augment);
}

/** PreciseBN under the final weights; the batches are those that would come next. */
async function finishStatistics(
  model: PanopticCascadeModel,
  data: TrainingSet,
  order: DataOrder,
  options: TrainPanopticOptions,
): Promise<void> {
  const batches = options.preciseBnBatches ?? 0;
  const running = modelBuffers(model).filter(({ name }) => /\.running_(?:mean|var)$/u.test(name));
  if (batches === 0 || running.length === 0) return;
  await preciseBatchNorm(running, batchNormMomentum, batches, async (i) => {
    const examples = await loadBatch(data, order, options.iterations + i, 0, { ...options, microBatches: 1 });
    const rng = new SeededRng(deriveSeed(options.seed, 'sample', options.iterations + i, 0));
    tf.tidy(() => {
      model.forwardTrain(
        examples.map(({ example }) => trainSample(example)),
        { rng },
      );
    });
  });
}

/** Everything a run must share with the one it continues; more iterations may be asked for. */
function fingerprintOf(options: TrainPanopticOptions, length: number, network: DetectorConfig): string {
  const {
    batchSize,
    microBatches = 1,
    optimizer,
    schedule,
    augment: augmentation,
    copyPaste: paste,
    emaDecay,
    seed,
  } = options;
  return JSON.stringify({
    length,
    batchSize,
    microBatches,
    optimizer,
    schedule,
    augmentation,
    paste,
    emaDecay,
    seed,
    network,
  });
}

function eventValues(point: CurvePoint, imagesPerSecond: number): Record<string, number> {
  const losses = Object.entries(point.losses).map(([name, value]) => [`losses/${name}`, value]);
  return { ...Object.fromEntries(losses), 'losses/total': point.total, lr: point.lr, imagesPerSecond };
}

function lastGood(checkpoints: string | undefined): string {
  return checkpoints === undefined
    ? 'No folder was given, so there is no checkpoint.'
    : `The last good checkpoint is in ${checkpoints}.`;
}
