import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, permutation, U2SegError, type Rng } from '@u2seg/core';
import { samplingMatrix, type GridSize } from './grid-sampling.ts';
import { normalizeChannels } from './normalize-channels.ts';
import { clampedProduct, meanOf } from './scalar-losses.ts';

/** Weights and shifts of the three terms, and how the correlations are treated. */
export interface CorrespondenceOptions {
  /** Centres the feature correlation of each point over the points of the other image. */
  readonly pointwise: boolean;
  /** Clamps code correlations below at 0, so that unlike codes are not pushed apart further. */
  readonly zeroClamp: boolean;
  /** Clamps code correlations above at 0.8 too. */
  readonly stabilize: boolean;
  /** S: each image is sampled at S x S points. */
  readonly featureSamples: number;
  /** Random partners per image. */
  readonly negativeSamples: number;
  /** b: feature correlations above it attract, below it repel. Image with itself, with its neighbour, with others. */
  readonly selfShift: number;
  readonly knnShift: number;
  readonly randomShift: number;
  readonly selfWeight: number;
  readonly knnWeight: number;
  readonly randomWeight: number;
}

/** Defaults of STEGO's training configuration (arXiv:2203.08414, `train_config.yml`). */
export const correspondenceDefaults: CorrespondenceOptions = {
  pointwise: true,
  zeroClamp: true,
  stabilize: false,
  featureSamples: 11,
  negativeSamples: 5,
  selfShift: 0.18,
  knnShift: 0.12,
  randomShift: 0.46,
  selfWeight: 0.67,
  knnWeight: 0.25,
  randomWeight: 0.63,
};

/** Below every correlation, and negated above: the clamps where there is none. */
const noClamp = -9999;
const stabilizedMaximum = 0.8;
const correlationEpsilon = 1e-10;

/**
 * Dense maps of one batch, cell `i` of an image at row `floor(i / gridW)` of its own grid; maps smaller than N cells
 * are padded at the end.
 */
export interface CorrespondenceBatch {
  /** [B, N, D] backbone features; no gradient reaches them. */
  readonly features: tf.Tensor3D;
  /** [B, N, D] of each image's neighbour. */
  readonly neighborFeatures: tf.Tensor3D;
  /** [B, N, C] */
  readonly code: tf.Tensor3D;
  readonly neighborCode: tf.Tensor3D;
  /** Grid of each image, B of them. */
  readonly grids: readonly GridSize[];
  readonly neighborGrids: readonly GridSize[];
}

/** What is random in the loss, given from outside. */
export interface CorrespondenceDraws {
  /** [B, S, S, 2] in [-1, 1], where each image is sampled. */
  readonly coords: Float32Array;
  /** [B, S, S, 2], where its partners are sampled. */
  readonly partnerCoords: Float32Array;
  /** One [B] list of partners per negative sample, each entry in [0, B). */
  readonly partners: readonly ArrayLike<number>[];
}

/** Scalars; the caller disposes them (or runs inside `tf.tidy`). */
export interface CorrespondenceLosses {
  /** Weighted sum of the three terms. */
  readonly total: tf.Scalar;
  /** Unweighted means. */
  readonly self: tf.Scalar;
  readonly knn: tf.Scalar;
  readonly random: tf.Scalar;
  /** Mean code correlations. */
  readonly selfCorrelation: tf.Scalar;
  readonly knnCorrelation: tf.Scalar;
  readonly randomCorrelation: tf.Scalar;
}

/** Loss and code correlations of one set of pairs, [B, S^2, S^2] each. */
export interface PairCorrespondence {
  readonly loss: tf.Tensor3D;
  readonly correlation: tf.Tensor3D;
}

/**
 * STEGO's correspondence loss: where backbone features of two points agree more than the shift, their codes are pulled
 * together, else pushed apart; over an image with itself, with a neighbour, and with random others.
 *
 * 1. sample features and codes of every image at S x S points, bilinearly;
 * 2. correlate all points of a pair: F for features, C for codes, both cosine;
 * 3. optionally centre F point by point, keeping its mean; loss = -clamp(C) * (F - b), averaged.
 *
 * @throws U2SegError `shape-mismatch` if the draws do not fit the batch
 */
export function correspondenceLoss(
  batch: CorrespondenceBatch,
  draws: CorrespondenceDraws,
  options: CorrespondenceOptions = correspondenceDefaults,
): CorrespondenceLosses {
  const { self, knn, random } = correspondencePairs(batch, draws, options);
  const means = {
    self: meanOf(self.loss),
    knn: meanOf(knn.loss),
    random: random === undefined ? tf.scalar(0) : meanOf(random.loss),
  };
  const weighted = [
    tf.mul(means.self, options.selfWeight),
    tf.mul(means.knn, options.knnWeight),
    tf.mul(means.random, options.randomWeight),
  ] as const;
  const total = tf.add(tf.add(weighted[0], weighted[1]), weighted[2]) as tf.Scalar;
  return {
    total,
    ...means,
    selfCorrelation: meanOf(self.correlation),
    knnCorrelation: meanOf(knn.correlation),
    randomCorrelation: random === undefined ? tf.scalar(0) : meanOf(random.correlation),
  };
}

/** The unreduced terms; `random` is concatenated over the negative samples on the batch axis, undefined without any. */
export function correspondencePairs(
  batch: CorrespondenceBatch,
  draws: CorrespondenceDraws,
  options: CorrespondenceOptions,
): { self: PairCorrespondence; knn: PairCorrespondence; random: PairCorrespondence | undefined } {
  const { features, code, grids } = batch;
  const [size, cells] = features.shape;
  if (code.shape[0] !== size || code.shape[1] !== cells || grids.length !== size) {
    throw new U2SegError(
      'shape-mismatch',
      `correspondenceLoss: code must be [${size}, ${cells}, C] with ${size} grids, got [${code.shape.join(', ')}] with ${grids.length}.`,
    );
  }
  const samples = options.featureSamples;
  const here = samplingMatrix(draws.coords, grids, samples, cells);
  const there = samplingMatrix(draws.partnerCoords, batch.neighborGrids, samples, cells);
  const sample = (at: tf.Tensor3D, map: tf.Tensor3D): tf.Tensor3D =>
    normalizeChannels(tf.matMul(at, map), correlationEpsilon);

  const ours = { features: sample(here, features), code: sample(here, code) };
  const neighbor = { features: sample(there, batch.neighborFeatures), code: sample(there, batch.neighborCode) };
  const self = pairCorrespondence(ours, ours, options.selfShift, options);
  const knn = pairCorrespondence(ours, neighbor, options.knnShift, options);
  const random = draws.partners.map((partners) => {
    const index = tf.tensor1d(Int32Array.from(partners), 'int32');
    const partnerGrids = Array.from(partners, (partner) => grids[partner]!);
    const at = sameGrids(partnerGrids, batch.neighborGrids)
      ? there
      : samplingMatrix(draws.partnerCoords, partnerGrids, samples, cells);
    const other = {
      features: sample(at, tf.gather(features, index)),
      code: sample(at, gatherImages(code, partners)),
    };
    return pairCorrespondence(ours, other, options.randomShift, options);
  });
  if (random.length === 0) return { self, knn, random: undefined };
  return {
    self,
    knn,
    random: {
      loss: tf.concat(random.map((pair) => pair.loss)),
      correlation: tf.concat(random.map((pair) => pair.correlation)),
    },
  };
}

function sameGrids(a: readonly GridSize[], b: readonly GridSize[]): boolean {
  return a.every((grid, i) => grid.gridH === b[i]!.gridH && grid.gridW === b[i]!.gridW);
}

interface Sampled {
  readonly features: tf.Tensor3D;
  readonly code: tf.Tensor3D;
}

function pairCorrespondence(a: Sampled, b: Sampled, shift: number, options: CorrespondenceOptions): PairCorrespondence {
  let target: tf.Tensor = tf.matMul(a.features, b.features, false, true);
  if (options.pointwise) {
    const oldMean = tf.mean(target);
    target = tf.sub(target, tf.mean(target, 2, true));
    target = tf.add(tf.sub(target, tf.mean(target)), oldMean);
  }
  const correlation = tf.matMul(a.code, b.code, false, true);
  const minimum = options.zeroClamp ? 0 : noClamp;
  const maximum = options.stabilize ? stabilizedMaximum : -noClamp;
  const loss = clampedProduct(correlation, tf.sub(target, shift), minimum, maximum);
  return { loss: loss as tf.Tensor3D, correlation: correlation as tf.Tensor3D };
}

/**
 * Rows of the batch axis. A product with a 0/1 matrix, because the gradient of `gather` (a segment sum) is missing on
 * some backends.
 */
function gatherImages(map: tf.Tensor3D, partners: ArrayLike<number>): tf.Tensor3D {
  const [size, cells, channels] = map.shape;
  const choice = new Float32Array(size * size);
  for (let b = 0; b < size; b += 1) {
    assertInteger('correspondenceLoss: draws.partners', partners[b]!, 0, size - 1);
    choice[b * size + partners[b]!] = 1;
  }
  const flat = tf.reshape(map, [size, cells * channels]) as tf.Tensor2D;
  return tf.reshape(tf.matMul(tf.tensor2d(choice, [size, size]), flat), [size, cells, channels]);
}

/**
 * Random partners within a batch.
 *
 * - `derangement`: a permutation without fixed points, uniform among them (drawn until one comes); our default.
 * - `reference`: STEGO's `super_perm`: a permutation whose fixed points are moved to the next index, so that an image
 *   may come twice and, by the last index, wraps around.
 *
 * @returns [B]; for B = 1 the image itself, since there is no other
 */
export function drawPartners(batch: number, rng: Rng, rule: 'derangement' | 'reference' = 'derangement'): Int32Array {
  if (rule === 'reference') {
    return Int32Array.from(permutation(batch, rng), (partner, i) => (partner === i ? partner + 1 : partner) % batch);
  }
  if (batch === 1) return Int32Array.of(0);
  for (;;) {
    const order = permutation(batch, rng);
    if (order.every((partner, i) => partner !== i)) return Int32Array.from(order);
  }
}
