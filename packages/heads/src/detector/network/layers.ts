import * as tf from '@tensorflow/tfjs-core';
import { relu } from '../../tf/activation.ts';
import { convBatchNorm, normEpsilon, type BatchStatistics } from '../../tf/batch-norm.ts';
import { add, reshape, toBfloat16 } from '../../tf/bfloat16.ts';
import { convBias, type ConvGeometry } from '../../tf/convolution.ts';
import { groupNorm } from '../../tf/group-norm.ts';
import { matrixProduct } from '../../tf/matrix-product.ts';
import type { Precision } from '../../tf/precision.ts';
import type { NormKind } from '../config/config.ts';
import type { ParameterStore } from '../parameters/parameter-store.ts';
import type { PreparedWeights } from '../parameters/prepared-weights.ts';

/** detectron2's group normalization always has 32 groups. */
export const normGroups = 32;

/** What a forward pass carries from layer to layer. */
export interface ForwardPass {
  readonly parameters: ParameterStore;
  /** Of convolutions and hidden linear layers, default float32; predictors are always float32. */
  readonly precision?: Precision;
  /** Batch normalization uses the batch's statistics and reports them. */
  readonly training: boolean;
  /** Weights made ready for inference; absent: made for each layer anew. */
  readonly prepared?: PreparedWeights;
  /** Receives the statistics of each batch normalization, by the name of its layer, and over how many values, when training. */
  readonly onStatistics: (layer: string, statistics: BatchStatistics, count: number) => void;
}

/** Type of what hidden layers hand on: at inference that of their products, in training, where gradients follow, float32. */
export function hiddenType({ training, precision }: ForwardPass): Precision {
  return training ? 'float32' : (precision ?? 'float32');
}

export interface ConvLayer extends ConvGeometry {
  readonly name: string;
  readonly norm: NormKind;
  readonly activation: 'relu' | 'linear';
}

/** Convolution with the normalization its configuration names: [B, H, W, Cin] -> [B, H', W', Cout]. */
export function convLayer(pass: ForwardPass, options: ConvLayer, x: tf.Tensor4D): tf.Tensor4D {
  const precision = options.precision ?? pass.precision ?? 'float32';
  const result = pass.training || precision === 'float32' ? 'float32' : (options.result ?? 'bfloat16');
  const layer = { ...options, precision, result };
  const { name, norm, activation } = layer;
  const weight = pass.parameters.get(`${name}.weight`) as tf.Variable<tf.Rank.R4>;
  const of = (part: string): tf.Variable<tf.Rank.R1> =>
    pass.parameters.get(`${name}.${part}`) as tf.Variable<tf.Rank.R1>;
  if (norm === '') return convBias(x, ready(pass, name, weight, precision), of('bias'), layer, activation);
  if (norm === 'GN') {
    const plain = { ...layer, result: 'float32' } as const;
    const convolved = convBias(x, ready(pass, name, weight, precision), undefined, plain);
    return groupNorm(convolved, of('norm.weight'), of('norm.bias'), normGroups, activation);
  }
  if (pass.training && norm !== 'FrozenBN') {
    return convBatchNorm(x, weight, of('norm.weight'), of('norm.bias'), layer, activation, (statistics, count) =>
      pass.onStatistics(`${name}.norm`, statistics, count),
    );
  }
  // fixed statistics make the normalization linear, so it folds into the convolution
  const statistics = [of('norm.weight'), of('norm.running_var'), of('norm.bias'), of('norm.running_mean')];
  const scaleOf = (): tf.Tensor1D => tf.mul(statistics[0]!, tf.rsqrt(tf.add(statistics[1]!, normEpsilon)));
  const keep = <T extends tf.Tensor>(part: string, make: () => T): T =>
    prepared(pass, `${name}.${part}.${precision}`, [weight, ...statistics], make);
  const folded = keep('folded', () => {
    const exact = tf.mul(weight, scaleOf()) as tf.Tensor4D;
    return precision === 'bfloat16' && !pass.training ? toBfloat16(exact) : exact;
  });
  const shift = keep('shift', () => tf.sub(statistics[2]!, tf.mul(statistics[3]!, scaleOf())) as tf.Tensor1D);
  return convBias(x, folded, shift, layer, activation);
}

/** A weight in the precision of its product; in training as it is, because its gradient is wanted. */
function ready<T extends tf.Tensor>(pass: ForwardPass, name: string, weight: T & tf.Variable, precision: Precision): T {
  if (pass.training || precision === 'float32') return weight;
  return prepared(pass, `${name}.${precision}`, [weight], () => toBfloat16<T>(weight));
}

/** What is made of parameters: kept from one image to the next where the pass keeps such things, else made each time. */
function prepared<T extends tf.Tensor>(
  pass: ForwardPass,
  key: string,
  parameters: readonly tf.Variable[],
  make: () => T,
): T {
  return pass.prepared === undefined ? make() : pass.prepared.get(key, parameters, make);
}

/** Product of [N, in] with a layer's weight, taken as [in, out], in the precision of hidden layers. */
export function hiddenProduct(pass: ForwardPass, name: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = pass.parameters.get(`${name}.weight`) as tf.Variable;
  const precision = pass.precision ?? 'float32';
  const matrix = reshape(ready(pass, name, weight, precision), [-1, weight.shape.at(-1)!]) as tf.Tensor2D;
  return matrixProduct(x, matrix, precision, hiddenType(pass));
}

/** [N, in] -> [N, out], in the precision of hidden layers, with ReLU. */
export function hiddenLayer(pass: ForwardPass, name: string, x: tf.Tensor2D): tf.Tensor2D {
  return relu(add(hiddenProduct(pass, name, x), pass.parameters.get(`${name}.bias`)));
}

/** [N, in] -> [N, out] in float32: the last layer of a head. */
export function predictor(pass: ForwardPass, name: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = pass.parameters.get(`${name}.weight`) as tf.Variable<tf.Rank.R2>;
  return tf.add(matrixProduct(x, weight), pass.parameters.get(`${name}.bias`));
}
