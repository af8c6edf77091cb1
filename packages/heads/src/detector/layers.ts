import * as tf from '@tensorflow/tfjs-core';
import { convBatchNorm, normEpsilon, type BatchStatistics } from '../tf/batch-norm.ts';
import { convBias, type ConvGeometry } from '../tf/convolution.ts';
import { groupNorm } from '../tf/group-norm.ts';
import { relu } from '../tf/activation.ts';
import { matrixProduct } from '../tf/matrix-product.ts';
import type { Precision } from '../tf/precision.ts';
import type { NormKind } from './config.ts';
import type { ParameterStore } from './parameter-store.ts';

/** detectron2's group normalization always has 32 groups. */
export const normGroups = 32;

/** What a forward pass carries from layer to layer. */
export interface ForwardPass {
  readonly parameters: ParameterStore;
  /** Of convolutions and hidden linear layers, default float32; predictors are always float32. */
  readonly precision?: Precision;
  /** Batch normalization uses the batch's statistics and reports them. */
  readonly training: boolean;
  /** Receives the statistics of each batch normalization, by the name of its layer, and over how many values, when training. */
  readonly onStatistics: (layer: string, statistics: BatchStatistics, count: number) => void;
}

export interface ConvLayer extends ConvGeometry {
  readonly name: string;
  readonly norm: NormKind;
  readonly activation: 'relu' | 'linear';
}

/** Convolution with the normalization its configuration names: [B, H, W, Cin] -> [B, H', W', Cout]. */
export function convLayer(pass: ForwardPass, options: ConvLayer, x: tf.Tensor4D): tf.Tensor4D {
  const layer = { precision: pass.precision ?? 'float32', ...options };
  const { name, norm, activation } = layer;
  const weight = pass.parameters.get(`${name}.weight`) as tf.Variable<tf.Rank.R4>;
  const of = (part: string): tf.Tensor1D => pass.parameters.get(`${name}.${part}`) as tf.Variable<tf.Rank.R1>;
  if (norm === '') return convBias(x, weight, of('bias'), layer, activation);
  if (norm === 'GN') {
    const convolved = convBias(x, weight, undefined, layer);
    return groupNorm(convolved, of('norm.weight'), of('norm.bias'), normGroups, activation);
  }
  if (pass.training && norm !== 'FrozenBN') {
    return convBatchNorm(x, weight, of('norm.weight'), of('norm.bias'), layer, activation, (statistics, count) =>
      pass.onStatistics(`${name}.norm`, statistics, count),
    );
  }
  // fixed statistics make the normalization linear, so it folds into the convolution
  const scale = tf.mul(of('norm.weight'), tf.rsqrt(tf.add(of('norm.running_var'), normEpsilon)));
  const shift = tf.sub(of('norm.bias'), tf.mul(of('norm.running_mean'), scale)) as tf.Tensor1D;
  return convBias(x, tf.mul(weight, scale) as tf.Tensor4D, shift, layer, activation);
}

/** [N, in] -> [N, out] */
export function linearLayer(
  pass: ForwardPass,
  name: string,
  x: tf.Tensor2D,
  activation: 'relu' | 'linear' = 'linear',
  precision: Precision = pass.precision ?? 'float32',
): tf.Tensor2D {
  const weight = pass.parameters.get(`${name}.weight`) as tf.Variable<tf.Rank.R2>;
  const value = tf.add(matrixProduct(x, weight, precision), pass.parameters.get(`${name}.bias`)) as tf.Tensor2D;
  return activation === 'relu' ? relu(value) : value;
}
