import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import { assertInteger, deriveSeed, SeededRng, U2SegError, type OnProgress } from '@u2seg/core';
import type { ContourBatch, ContourNetwork } from '@u2seg/heads';
import { adamW } from '../optimizer/adamw.ts';
import { listCheckpoints, readCheckpoint, writeCheckpoint } from '../train/checkpoint.ts';
import { appendCurve, readCurve, truncateCurve, type CurvePoint } from '../train/curve-file.ts';
import { modelBuffers, modelParameters } from '../train/model-tensors.ts';
import type { SceneComposer } from './compose-scene.ts';

export interface ContourRecipe {
  /** Optimizer steps. The learning rate follows from them, so a run cannot be prolonged. */
  readonly iterations: number;
  /** Scenes a step. */
  readonly batchSize?: number;
  /** Side of a scene, in pixels; a multiple of the network's divisor. */
  readonly size?: number;
  /** Largest learning rate: reached after a tenth of the steps, then falling to 0 as half a cosine. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly seed: number;
}

export interface TrainContoursOptions extends ContourRecipe {
  /** Where checkpoints and the curve go; absent: nothing is written, nothing can be resumed. */
  readonly folder?: string;
  readonly checkpointEvery?: number;
  readonly onProgress?: OnProgress;
  /** Stops after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

export const trainContoursDefaults: Required<Omit<ContourRecipe, 'iterations' | 'seed'>> &
  Required<Pick<TrainContoursOptions, 'checkpointEvery'>> = {
  batchSize: 8,
  size: 160,
  learningRate: 3e-3,
  weightDecay: 1e-3,
  checkpointEvery: 100,
};

export interface TrainContoursResult {
  /** Steps finished, those of earlier runs included. */
  readonly iterations: number;
  readonly curve: readonly CurvePoint[];
  /** False when the signal stopped the run early. */
  readonly finished: boolean;
}

/**
 * Trains a contour network on made scenes, from where an earlier run in the same folder stopped; a killed and resumed run takes the
 * steps of an undisturbed one.
 *
 * @param network - its parameters are changed in place
 * @throws U2SegError `not-converged` at the first loss that is not finite; the last checkpoint stays
 * @throws U2SegError `conflict` if the folder holds a run with another recipe
 */
export async function trainContours(
  network: ContourNetwork,
  composer: SceneComposer,
  options: TrainContoursOptions,
): Promise<TrainContoursResult> {
  const settings = { ...trainContoursDefaults, ...options };
  const { iterations, batchSize, size, learningRate, weightDecay, seed, folder, checkpointEvery } = settings;
  assertInteger('trainContours: iterations', iterations, 0);
  assertInteger('trainContours: batchSize', batchSize, 1);
  assertInteger('trainContours: size', size, network.divisor);
  assertInteger('trainContours: checkpointEvery', checkpointEvery, 1);
  const parameters = modelParameters(network);
  const optimizer = adamW(parameters, { weightDecay, weightDecayNorm: 0, clipNorm: Number.POSITIVE_INFINITY });
  const variables = new Map<string, tf.Variable>([
    ...[...parameters, ...modelBuffers(network)].map(({ name, variable }): [string, tf.Variable] => [
      `model.${name}`,
      variable,
    ]),
    ...[...optimizer.state].map(([name, variable]): [string, tf.Variable] => [`optimizer.${name}`, variable]),
  ]);
  const recipe = { iterations, batchSize, size, learningRate, weightDecay, seed };
  const fingerprint = JSON.stringify({ ...recipe, network: network.config });
  const checkpoints = folder === undefined ? undefined : join(folder, 'checkpoints');
  const curvePath = folder === undefined ? undefined : join(folder, 'curve.jsonl');
  let iteration = 0;
  let curve: CurvePoint[] = [];
  try {
    if (folder !== undefined && checkpoints !== undefined && curvePath !== undefined) {
      await mkdir(folder, { recursive: true });
      const newest = (await listCheckpoints(checkpoints))[0];
      if (newest !== undefined) iteration = await readCheckpoint(newest.path, variables, fingerprint);
      curve = iteration < iterations ? await truncateCurve(curvePath, iteration) : await readCurve(curvePath);
    }
    optimizer.steps = iteration;
    const stopped = (): boolean => options.signal?.aborted === true;
    while (iteration < iterations && !stopped()) {
      const lr = learningRate * oneCycle(iteration / iterations);
      const { loss, gradients } = network.gradients(batchOf(composer, iteration, batchSize, size, seed));
      if (!Number.isFinite(loss)) {
        for (const gradient of gradients.values()) gradient.dispose();
        throw new U2SegError(
          'not-converged',
          `trainContours: the loss of iteration ${iteration + 1} is ${loss}; lower the learning rate.`,
        );
      }
      optimizer.step(Object.fromEntries(gradients), lr);
      for (const gradient of gradients.values()) gradient.dispose();
      iteration += 1;
      const point: CurvePoint = { iteration, lr, total: loss, losses: { loss_contours: loss } };
      curve.push(point);
      if (curvePath !== undefined) await appendCurve(curvePath, point);
      options.onProgress?.({
        stage: 'contours',
        done: iteration,
        total: iterations,
        unit: 'iterations',
        values: { loss, lr },
      });
      const last = iteration === iterations || stopped();
      if (checkpoints !== undefined && (last || iteration % checkpointEvery === 0)) {
        await writeCheckpoint(checkpoints, { iteration, variables, fingerprint }, 2);
      }
    }
    return { iterations: iteration, curve, finished: iteration === iterations };
  } finally {
    optimizer.dispose();
  }
}

/** Share of the largest learning rate after a share of the steps: up in the first tenth, then down as half a cosine. */
function oneCycle(progress: number): number {
  const warmUp = 0.1;
  if (progress < warmUp) return 0.04 + (0.96 * progress) / warmUp;
  return (1 + Math.cos((Math.PI * (progress - warmUp)) / (1 - warmUp))) / 2;
}

/** The scenes of a step; they follow from seed, step and place in the batch. */
function batchOf(composer: SceneComposer, iteration: number, count: number, size: number, seed: number): ContourBatch {
  const images = new Float32Array(count * size * size * 3);
  const contours = new Float32Array(count * size * size);
  for (let b = 0; b < count; b += 1) {
    const scene = composer.compose(new SeededRng(deriveSeed(seed, 'scene', iteration, b)), size);
    images.set(scene.image, b * scene.image.length);
    contours.set(scene.contours, b * scene.contours.length);
  }
  return { size: count, height: size, width: size, images, contours };
}
