import type * as tf from '@tensorflow/tfjs-core';

/** A trainable tensor of a network. */
export interface ModelParameter {
  /** detectron2's name, for example `backbone.bottom_up.res2.0.conv1.weight`. */
  readonly name: string;
  readonly variable: tf.Variable;
  /** `norm`: scale or offset of a normalization layer; `bias`: any other offset. */
  readonly role: 'weight' | 'bias' | 'norm';
}

/** A tensor that is part of the network's state but not trained: running mean and variance of batch normalization. */
export interface ModelBuffer {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** detectron2's rules for learning rate and weight decay of single parameters. */
export interface ParameterRules {
  readonly weightDecay?: number;
  /** Of scales and offsets of normalization layers. */
  readonly weightDecayNorm?: number;
  /** Of other offsets; absent: as `weightDecay`. */
  readonly weightDecayBias?: number;
  /** Factor on the learning rate of offsets, of normalization layers too. */
  readonly biasLrFactor?: number;
  /** Factor on the learning rate of the parameters whose name starts with the key. */
  readonly lrFactors?: Readonly<Record<string, number>>;
}

/** Values of U2Seg and CutLER. */
export const parameterRuleDefaults: Required<Omit<ParameterRules, 'weightDecayBias'>> = {
  weightDecay: 5e-5,
  weightDecayNorm: 0,
  biasLrFactor: 1,
  lrFactors: {},
};

/** Weight decay and learning-rate factor of one parameter. */
export interface ParameterSettings {
  readonly weightDecay: number;
  readonly lrFactor: number;
}

export function parameterSettings(parameter: ModelParameter, rules: ParameterRules): ParameterSettings {
  const resolved = { ...parameterRuleDefaults, ...rules };
  const { name, role } = parameter;
  const offset = role === 'bias' || name.endsWith('.bias');
  let { weightDecay } = resolved;
  if (role === 'norm') weightDecay = resolved.weightDecayNorm;
  if (offset && resolved.weightDecayBias !== undefined) weightDecay = resolved.weightDecayBias;
  let lrFactor = offset ? resolved.biasLrFactor : 1;
  for (const [prefix, factor] of Object.entries(resolved.lrFactors)) if (name.startsWith(prefix)) lrFactor *= factor;
  return { weightDecay, lrFactor };
}
