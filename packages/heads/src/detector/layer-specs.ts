/** Specs of single layers, under the names torch and detectron2 give their tensors. */
import type { NormKind } from './config.ts';
import type { Initializer, ParameterLayout, ParameterSpec } from './parameter-specs.ts';

export const constant = (value: number): Initializer => ({ kind: 'constant', value });
export const normal = (deviation: number): Initializer => ({ kind: 'normal', deviation });
/** `c2_msra_fill`: normal with variance 2 / fan-out. */
export const msra = (fanOut: number): Initializer => normal(Math.sqrt(2 / fanOut));
/** `c2_xavier_fill`: uniform with variance 1 / fan-in. */
export const xavier = (fanIn: number): Initializer => ({ kind: 'uniform', bound: Math.sqrt(3 / fanIn) });

/** A tensor of one axis. */
export function vectorSpec(
  name: string,
  size: number,
  init: Initializer,
  role: ParameterSpec['role'],
  trainable = true,
): ParameterSpec {
  return { name, shape: [size], layout: { kind: 'vector' }, init, trainable, role, dtype: 'float32' };
}

/** Scale, offset and, of batch normalization, statistics; nothing for no normalization. */
function normSpecs(name: string, size: number, kind: NormKind, trainable: boolean): ParameterSpec[] {
  if (kind === '') return [];
  const frozen = kind === 'FrozenBN';
  const role = frozen ? 'buffer' : 'norm';
  const affine = [
    vectorSpec(`${name}.weight`, size, constant(1), role, trainable && !frozen),
    vectorSpec(`${name}.bias`, size, constant(0), role, trainable && !frozen),
  ];
  if (kind === 'GN') return affine;
  const statistics = [
    vectorSpec(`${name}.running_mean`, size, constant(0), 'buffer', false),
    vectorSpec(`${name}.running_var`, size, constant(1), 'buffer', false),
  ];
  if (frozen) return [...affine, ...statistics];
  const counter: ParameterSpec = {
    name: `${name}.num_batches_tracked`,
    shape: [],
    layout: { kind: 'vector' },
    init: constant(0),
    trainable: false,
    role: 'buffer',
    dtype: 'int64',
  };
  return [...affine, ...statistics, counter];
}

/** A convolution with the normalization behind it; it has a bias where there is none. */
export function convSpecs(
  name: string,
  shape: readonly [out: number, input: number, height: number, width: number],
  kind: NormKind,
  init: Initializer,
  trainable = true,
): ParameterSpec[] {
  const layout = { kind: 'convolution' } as const;
  return [
    { name: `${name}.weight`, shape, layout, init, trainable, role: 'weight', dtype: 'float32' },
    ...(kind === '' ? [vectorSpec(`${name}.bias`, shape[0], constant(0), 'bias', trainable)] : []),
    ...normSpecs(`${name}.norm`, shape[0], kind, trainable),
  ];
}

export function linearSpecs(
  name: string,
  out: number,
  input: number,
  init: Initializer,
  layout: ParameterLayout = { kind: 'linear' },
): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [out, input], layout, init, trainable: true, role: 'weight', dtype: 'float32' },
    vectorSpec(`${name}.bias`, out, constant(0), 'bias'),
  ];
}
