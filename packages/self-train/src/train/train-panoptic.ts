import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, deriveSeed, SeededRng, U2SegError } from '@u2seg/core';
import type { DetectorConfig, PanopticCascadeModel, TrainSample } from '@u2seg/heads';
import { DataOrder } from '../data/data-order.ts';
import type { TrainingSet } from '../data/training-set.ts';
import { singleProcess, type GradientReducer } from '../distributed/gradient-reducer.ts';
import { anyOf, assertAlike, reduceStep, SharedStatistics } from '../distributed/reduce-step.ts';
import { createOptimizer } from '../optimizer/create-optimizer.ts';
import { ema as createEma, type Ema } from '../optimizer/ema.ts';
import { assertLrSchedule, learningRate } from '../optimizer/lr-schedule.ts';
import { preciseBatchNorm } from '../optimizer/precise-bn.ts';
import type { StepGradients } from '../optimizer/step-gradients.ts';
import { openEventWriter, type EventWriter } from '../tensorboard/event-writer.ts';
import { accumulateGradients } from './accumulate-gradients.ts';
import { listCheckpoints, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { appendCurve, readCurve, truncateCurve, type CurvePoint } from './curve-file.ts';
import { loadBatch } from './load-batch.ts';
import { modelBuffers, modelParameters } from './model-tensors.ts';
import type { TrainPanopticOptions } from './train-recipe.ts';
import { trainSample } from './train-sample.ts';

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
 * @throws U2SegError `conflict` if the folder holds a run with another recipe, or processes of a group differ
 */
export async function trainPanoptic(
  model: PanopticCascadeModel,
  data: TrainingSet,
  options: TrainPanopticOptions,
): Promise<TrainResult> {
  const { batchSize, schedule, seed, folder, now = Date.now } = options;
  const { checkpointEvery, checkpointsKept } = { ...trainPanopticDefaults, ...options };
  const { group = singleProcess } = options;
  const microBatches = options.microBatches ?? group.size;
  const writes = group.rank === 0;
  assertInteger('trainPanoptic: data.length', data.length, 1);
  assertInteger('trainPanoptic: iterations', options.iterations, 0);
  assertInteger('trainPanoptic: batchSize', batchSize, 1);
  assertInteger('trainPanoptic: microBatches', microBatches, 1, batchSize);
  assertLrSchedule('trainPanoptic: schedule', schedule);
  const partsEach = microBatches / group.size;
  assertInteger('trainPanoptic: microBatches over processes', partsEach, 1);
  const own = { first: group.rank * partsEach, end: (group.rank + 1) * partsEach };

  const parameters = modelParameters(model);
  const buffers = modelBuffers(model);
  const optimizer = createOptimizer(parameters, options.optimizer);
  const average = options.emaDecay === undefined ? undefined : createEma(parameters, buffers, options.emaDecay);
  const variables = new Map<string, tf.Variable>([
    ...[...parameters, ...buffers].map(({ name, variable }): [string, tf.Variable] => [`model.${name}`, variable]),
    ...[...optimizer.state].map(([name, variable]): [string, tf.Variable] => [`optimizer.${name}`, variable]),
    ...[...(average?.state ?? [])].map(([name, variable]): [string, tf.Variable] => [`ema.${name}`, variable]),
  ]);
  const statistics = new SharedStatistics(buffers, batchNormMomentum, group);
  const fingerprint = fingerprintOf({ ...options, microBatches }, data.length, model.config);
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
      curve = await (writes ? truncateCurve : readCurve)(curvePath, iteration);
      if (writes && iteration < options.iterations) events = await openEventWriter(folder, iteration + 1, now);
    }
    assertAlike(group, `${fingerprint} ${iteration}`);
    optimizer.steps = iteration;
    const resumedFrom = iteration;
    const started = now();
    const stopped = (): boolean => anyOf(group, options.signal?.aborted === true);
    let stop = stopped();
    while (iteration < options.iterations && !stop) {
      const names: string[] = [];
      const current = iteration;
      const batch = async (part: number): Promise<readonly TrainSample[]> => {
        const examples = await loadBatch(data, order, current, part, { ...options, microBatches });
        names.push(...examples.map(({ name }) => name));
        return examples.map(({ example }) => trainSample(example));
      };
      const rng = (part: number): SeededRng => new SeededRng(deriveSeed(seed, 'sample', current, part));
      statistics.begin();
      const local = await accumulateGradients(model, microBatches, batch, rng, own, options.precision).catch(
        (cause: unknown): U2SegError => {
          if (!(cause instanceof U2SegError) || cause.code !== 'not-converged') throw cause;
          const where = `trainPanoptic: iteration ${current + 1} on [${names.join(', ')}]`;
          return new U2SegError('not-converged', `${where}: ${cause.message} ${lastGood(checkpoints)}`, { cause });
        },
      );
      const step = agreed(group, local);
      statistics.share(partsEach);
      const lr = learningRate(schedule, iteration);
      optimizer.step(step.gradients, lr);
      for (const gradient of Object.values(step.gradients)) gradient.dispose();
      average?.update();
      iteration += 1;
      const point: CurvePoint = { iteration, lr, total: step.total, losses: step.losses };
      curve.push(point);
      if (writes && curvePath !== undefined) await appendCurve(curvePath, point);
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
      stop = stopped();
      const last = iteration === options.iterations || stop;
      if (writes && checkpoints !== undefined && (last || iteration % checkpointEvery === 0)) {
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

/** The step of the whole group; one process that failed stops them all, or the others would wait for it. */
function agreed(group: GradientReducer, local: StepGradients | U2SegError): StepGradients {
  const failed = local instanceof U2SegError;
  if (!anyOf(group, failed)) return reduceStep(local as StepGradients, group);
  if (failed) throw local;
  for (const gradient of Object.values(local.gradients)) gradient.dispose();
  throw new U2SegError(
    'not-converged',
    `trainPanoptic: another process than ${group.rank} of ${group.size} has failed.`,
  );
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
  await preciseBatchNorm(running, batches, async (i, onStatistics) => {
    const examples = await loadBatch(data, order, options.iterations + i, 0, { ...options, microBatches: 1 });
    const rng = new SeededRng(deriveSeed(options.seed, 'sample', options.iterations + i, 0));
    tf.tidy(() => {
      model.forwardTrain(
        examples.map(({ example }) => trainSample(example)),
        { rng, updateStatistics: false, onStatistics, precision: options.precision ?? 'float32' },
      );
    });
  });
}

/** Everything a run must share with the one it continues; more iterations and other final statistics may be asked for. */
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
    precision = 'float32',
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
    // absent in the checkpoints of earlier versions, which had float32 only
    ...(precision === 'float32' ? {} : { precision }),
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
