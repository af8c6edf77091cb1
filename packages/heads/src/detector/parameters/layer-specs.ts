/** What is known of one tensor, and the specs of single layers, under the names torch and detectron2 give their tensors. */
import type { NormKind } from '../config/config.ts';

/** How a tensor lies in a torch checkpoint, and so how it is turned for channels-last use. */
export type ParameterLayout =
  /** [Cout, Cin, k, k] on disk, [k, k, Cin, Cout] here. */
  | { readonly kind: 'convolution' }
  /** Transposed convolution: [Cin, Cout, k, k] on disk, [Cin, k * k * Cout] here. */
  | { readonly kind: 'deconvolution' }
  /** [out, in] on disk, [in, out] here. */
  | { readonly kind: 'linear' }
  /** Linear layer on a flattened map: [out, C * H * W] on disk, [H * W * C, out] here. */
  | { readonly kind: 'linear-on-map'; readonly channels: number; readonly area: number }
  /** As it is. */
  | { readonly kind: 'vector' };

/** Initial values: normal with a deviation, uniform within a bound, or one value. */
export type Initializer =
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number };

export interface ParameterSpec {
  /** Name in detectron2's state dictionary. */
  readonly name: string;
  /** Shape on disk. */
  readonly shape: readonly number[];
  readonly layout: ParameterLayout;
  readonly init: Initializer;
  /** Optimized; otherwise a buffer or a frozen weight. */
  readonly trainable: boolean;
  /** What the optimizer's weight-decay rules distinguish. */
  readonly role: 'weight' | 'bias' | 'norm' | 'buffer';
  /** `num_batches_tracked` is an int64 scalar on disk; everything else is float32. */
  readonly dtype: 'float32' | 'int64';
}

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
