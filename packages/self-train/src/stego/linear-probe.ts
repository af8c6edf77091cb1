/** STEGO's linear evaluation: how much of the classes a finished code holds, measured with labels that reach nothing else. */
import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  deriveSeed,
  permutation,
  seededRng,
  U2SegError,
  type OnProgress,
  type PatchFeatures,
} from '@u2seg/core';
import { Adam, LinearProbe } from '@u2seg/heads';
import { eachPixel, gridCode } from './code-grid.ts';
import type { StegoFeatureSource, StegoLabels } from './feature-source.ts';
import type { SegmentStegoOptions } from './segment-stego.ts';
import type { StegoModel } from './stego-model.ts';
import { trainStegoDefaults } from './train-stego.ts';

export interface TrainLinearProbeOptions {
  /** Classes of the labels. */
  readonly classes: number;
  readonly steps?: number;
  /** Photos per step; fewer where there are fewer photos. */
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly seed?: number;
  readonly onProgress?: OnProgress;
}

/** A trained probe: class scores of a code are `weight x code + bias`. */
export interface LinearProbeWeights {
  /** [classes, C] */
  readonly weight: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

/** Features with a label map each. */
export type LabelledFeatures = Omit<StegoFeatureSource, 'labels'> & Required<Pick<StegoFeatureSource, 'labels'>>;

/**
 * Trains a linear classifier on the codes of a finished model; the model is not touched.
 *
 * STEGO trains its probe beside the head, on detached codes (Adam, 5e-3, 5,000 steps); ours starts when the head is done, so
 * that no label can be near the training whose result becomes pseudo-labels. Loss: cross entropy at the labels' resolution.
 *
 * @throws U2SegError `out-of-range` without photos or for a bad option, `not-converged` at the first loss that is not finite
 */
export async function trainLinearProbe(
  model: StegoModel,
  source: LabelledFeatures,
  options: TrainLinearProbeOptions,
): Promise<LinearProbeWeights> {
  const { classes, onProgress, seed = 0 } = options;
  const { steps = trainStegoDefaults.steps, batchSize = trainStegoDefaults.batchSize } = options;
  assertInteger('trainLinearProbe: source.count', source.count, 1);
  assertInteger('trainLinearProbe: classes', classes, 1);
  assertInteger('trainLinearProbe: steps', steps, 0);
  assertInteger('trainLinearProbe: batchSize', batchSize, 1);
  const { codeDim } = model.config;
  const probe = new LinearProbe(codeDim, classes, seed);
  const variables = new Map<string, tf.Variable>([
    ['weight', probe.weight],
    ['bias', probe.bias],
  ]);
  const adam = new Adam(variables, { learningRate: options.learningRate ?? trainStegoDefaults.probeLearningRate });
  try {
    const batch = Math.min(batchSize, source.count);
    const perEpoch = Math.floor(source.count / batch);
    for (let step = 0; step < steps; step += 1) {
      const epoch = Math.floor(step / perEpoch);
      const order = permutation(source.count, seededRng(deriveSeed(seed, 'linear probe epoch', epoch)));
      const rows = order.subarray((step % perEpoch) * batch, (step % perEpoch) * batch + batch);
      const photos = await Promise.all(Array.from(rows, (row) => source.read(row)));
      const labels = await Promise.all(Array.from(rows, (row) => source.labels(row)));
      const loss = stepOf(model, probe, adam, photos, labels);
      if (!Number.isFinite(loss)) {
        throw new U2SegError(
          'not-converged',
          `trainLinearProbe: the loss must be finite, got ${loss} in step ${step}.`,
        );
      }
      onProgress?.({ stage: 'linear probe', done: step + 1, total: steps, unit: 'steps', values: { loss } });
    }
    return tf.tidy(() => ({
      weight: (tf.transpose(probe.weight as tf.Tensor2D).dataSync() as Float32Array).slice(),
      bias: (probe.bias.dataSync() as Float32Array).slice(),
    }));
  } finally {
    adam.dispose();
    probe.dispose();
  }
}

/** @returns the loss before the step */
function stepOf(
  model: StegoModel,
  probe: LinearProbe,
  adam: Adam,
  photos: readonly PatchFeatures[],
  labels: readonly StegoLabels[],
): number {
  return tf.tidy(() => {
    const codes = photos.map(({ data, gridH, gridW, dim }) => {
      const code = model.head.code(tf.tensor3d(data, [1, gridH * gridW, dim]));
      return tf.reshape(code, [1, gridH, gridW, model.config.codeDim]) as tf.Tensor4D;
    });
    const { value, grads } = tf.variableGrads(() => {
      const losses = codes.map((code, i) => {
        const { data, height, width } = labels[i]!;
        return probe.loss(code, data, height, width);
      });
      return tf.div(
        losses.reduce((a, b) => tf.add(a, b) as tf.Scalar),
        losses.length,
      ) as tf.Scalar;
    }, [probe.weight, probe.bias]);
    const loss = value.dataSync()[0]!;
    if (Number.isFinite(loss)) adam.step((variable) => grads[variable.name]!);
    return loss;
  });
}

/**
 * Class of every pixel by the probe: scores on the grid, upsampled bilinearly, the largest; with `crf` the log of their softmax
 * is sharpened first, as STEGO does with its linear probe too. Ties to the lower class.
 *
 * @returns [H, W] in [0, classes)
 */
export async function segmentLinear(
  model: StegoModel,
  { weight, bias }: LinearProbeWeights,
  features: PatchFeatures,
  { height, width, mirrored, crf, image }: Omit<SegmentStegoOptions, 'alpha'>,
): Promise<Uint16Array> {
  const { gridH, gridW } = features;
  const { codeDim } = model.config;
  const classes = bias.length;
  const code = await gridCode(model, features, mirrored);
  const scores = new Float32Array(gridH * gridW * classes);
  for (let cell = 0; cell < gridH * gridW; cell += 1) {
    for (let c = 0; c < classes; c += 1) {
      let sum = bias[c]!;
      for (let j = 0; j < codeDim; j += 1) sum += code[cell * codeDim + j]! * weight[c * codeDim + j]!;
      scores[cell * classes + c] = sum;
    }
  }
  const labels = new Uint16Array(height * width);
  if (crf === undefined) {
    eachPixel(scores, gridH, gridW, classes, height, width, (pixel, values) => {
      let best = 0;
      for (let c = 1; c < classes; c += 1) if (values[c]! > values[best]!) best = c;
      labels[pixel] = best;
    });
    return labels;
  }
  if (image === undefined || image.height !== height || image.width !== width) {
    throw new U2SegError(
      'shape-mismatch',
      `segmentLinear: image must be [${height}, ${width}] for the CRF, got ${image === undefined ? 'none' : `[${image.height}, ${image.width}]`}.`,
    );
  }
  const log = new Float32Array(classes * height * width);
  eachPixel(scores, gridH, gridW, classes, height, width, (pixel, values) => {
    const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const normalizer = top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
    for (let c = 0; c < classes; c += 1) log[c * height * width + pixel] = values[c]! - normalizer;
  });
  return Uint16Array.from(await crf(image, log, classes));
}
