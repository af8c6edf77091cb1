import * as tf from '@tensorflow/tfjs-core';
import { deriveSeed, seededRng, type PatchFeatures } from '@u2seg/core';
import {
  correspondenceLoss,
  drawPartners,
  drawSampleCoordinates,
  drawStegoDropout,
  type Adam,
  type CorrespondenceOptions,
  type GridSize,
} from '@u2seg/heads';
import { detach } from '@u2seg/heads/internal';
import type { StegoLabels } from './feature-source.ts';
import type { StegoModel } from './stego-model.ts';

/** One step's input: B photos and a neighbour of each. */
export interface StegoBatch {
  readonly images: readonly PatchFeatures[];
  readonly neighbors: readonly PatchFeatures[];
  /** Labels of the photos, where the linear probe is trained. */
  readonly labels?: readonly StegoLabels[];
}

export interface StegoStepOptions {
  readonly correspondence: CorrespondenceOptions;
  readonly partnerRule: 'derangement' | 'reference';
  /** Drop feature channels, as STEGO does while training. */
  readonly dropout: boolean;
  /** Seed of everything random in this step. */
  readonly seed: number;
}

/** Losses of one step, before its update. */
export interface StegoStepLosses {
  /** Weighted correspondence loss, which trains the head. */
  readonly correspondence: number;
  readonly self: number;
  readonly knn: number;
  readonly random: number;
  readonly cluster: number;
  /** Of the linear probe; 0 without labels. */
  readonly linear: number;
}

/** The three optimizers: STEGO trains head and probes at their own rates. */
export interface StegoOptimizers {
  readonly head: Adam;
  readonly clusterProbe: Adam;
  readonly linearProbe: Adam | undefined;
}

/**
 * One training step: correspondence loss for the head, cluster (and linear) loss for the probes on detached codes, one
 * backward pass, one update each. Nothing is updated when a loss is not finite.
 */
export function stegoStep(
  model: StegoModel,
  optimizers: StegoOptimizers,
  batch: StegoBatch,
  options: StegoStepOptions,
): StegoStepLosses {
  const { correspondence } = options;
  const size = batch.images.length;
  const rng = (name: string): (() => number) => seededRng(deriveSeed(options.seed, name));
  const draws = {
    coords: drawSampleCoordinates(size, correspondence.featureSamples, rng('coords')),
    partnerCoords: drawSampleCoordinates(size, correspondence.featureSamples, rng('partner coords')),
    partners: Array.from({ length: correspondence.negativeSamples }, (_, i) =>
      drawPartners(size, rng(`partners ${i}`), options.partnerRule),
    ),
  };
  const grids = batch.images.map(gridOf);
  const neighborGrids = batch.neighbors.map(gridOf);
  const cells = Math.max(...[...grids, ...neighborGrids].map(({ gridH, gridW }) => gridH * gridW));
  const { featureDim, codeDim } = model.config;

  let result: StegoStepLosses | undefined;
  tf.tidy(() => {
    // Photos and neighbours pass the head together: one product twice as tall.
    const raw = paddedFeatures([...batch.images, ...batch.neighbors], cells, featureDim);
    const dropout = options.dropout ? drawStegoDropout(2 * size, featureDim, rng('dropout')) : undefined;
    const signal = dropout === undefined ? raw : (tf.mul(raw, dropout.features) as tf.Tensor3D);
    const half = (x: tf.Tensor3D, which: 0 | 1): tf.Tensor3D =>
      tf.slice(x, [which * size, 0, 0], [size, x.shape[1], x.shape[2]]) as tf.Tensor3D;
    const values: Partial<Record<keyof StegoStepLosses, tf.Scalar>> = {};

    const objective = (): tf.Scalar => {
      const codes = model.head.code(raw, dropout);
      const code = half(codes, 0);
      const losses = correspondenceLoss(
        {
          features: half(signal, 0),
          neighborFeatures: half(signal, 1),
          code,
          neighborCode: half(codes, 1),
          grids,
          neighborGrids,
        },
        draws,
        correspondence,
      );
      const fixed = detach(code);
      const cluster = model.clusterProbe.loss(ownCells(fixed, grids, cells)).loss;
      Object.assign(values, {
        correspondence: losses.total,
        self: losses.self,
        knn: losses.knn,
        random: losses.random,
      });
      values.cluster = cluster;
      let total = tf.add(losses.total, cluster) as tf.Scalar;
      if (batch.labels !== undefined && model.linearProbe !== undefined) {
        values.linear = linearLoss(model, fixed, grids, batch.labels, codeDim);
        total = tf.add(total, values.linear) as tf.Scalar;
      }
      for (const value of Object.values(values)) tf.keep(value);
      return total;
    };

    const variables = [...model.head.variables().values(), ...probeVariables(model, batch.labels !== undefined)];
    const { grads } = tf.variableGrads(objective, variables);
    const read = (name: keyof StegoStepLosses): number => {
      const value = values[name];
      if (value === undefined) return 0;
      const number = value.dataSync()[0]!;
      value.dispose();
      return number;
    };
    result = {
      correspondence: read('correspondence'),
      self: read('self'),
      knn: read('knn'),
      random: read('random'),
      cluster: read('cluster'),
      linear: read('linear'),
    };
    if (Object.values(result).every(Number.isFinite)) {
      const gradient = (variable: tf.Variable): tf.Tensor => grads[variable.name]!;
      optimizers.head.step(gradient);
      optimizers.clusterProbe.step(gradient);
      if (batch.labels !== undefined) optimizers.linearProbe?.step(gradient);
    }
  });
  return result!;
}

function probeVariables(model: StegoModel, labelled: boolean): tf.Variable[] {
  const { clusterProbe, linearProbe } = model;
  if (!labelled || linearProbe === undefined) return [clusterProbe.directions];
  return [clusterProbe.directions, linearProbe.weight, linearProbe.bias];
}

function gridOf({ gridH, gridW }: PatchFeatures): GridSize {
  return { gridH, gridW };
}

/** [B, cells, D], each photo's own cells first, zeros after. */
function paddedFeatures(images: readonly PatchFeatures[], cells: number, dim: number): tf.Tensor3D {
  const values = new Float32Array(images.length * cells * dim);
  for (const [i, { data }] of images.entries()) values.set(data, i * cells * dim);
  return tf.tensor3d(values, [images.length, cells, dim]);
}

/** [B, cells, C] -> [M, C] without the padding. */
function ownCells(code: tf.Tensor3D, grids: readonly GridSize[], cells: number): tf.Tensor2D {
  const dim = code.shape[2];
  const sizes = grids.map(({ gridH, gridW }) => gridH * gridW);
  if (sizes.every((size) => size === cells)) return tf.reshape(code, [-1, dim]);
  return tf.concat(
    sizes.map((size, i) => tf.reshape(tf.slice(code, [i, 0, 0], [1, size, dim]), [size, dim]) as tf.Tensor2D),
  );
}

/** Mean over the photos of their cross entropies (each may have its own size). */
function linearLoss(
  model: StegoModel,
  code: tf.Tensor3D,
  grids: readonly GridSize[],
  labels: readonly StegoLabels[],
  codeDim: number,
): tf.Scalar {
  const losses = labels.map(({ data, height, width }, i) => {
    const { gridH, gridW } = grids[i]!;
    const own = tf.reshape(tf.slice(code, [i, 0, 0], [1, gridH * gridW, codeDim]), [1, gridH, gridW, codeDim]);
    return model.linearProbe!.loss(own as tf.Tensor4D, data, height, width);
  });
  const sum = losses.reduce((a, b) => tf.add(a, b) as tf.Scalar);
  return tf.div(sum, labels.length) as tf.Scalar;
}
