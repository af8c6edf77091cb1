import { U2SegError } from '@u2seg/core';
import { toFloat32, type NamedTensor } from '@u2seg/interchange';
import { unwrapParameters } from '../checkpoint-prefix.ts';

/** One convolution with the batch norm that follows it folded in. */
export interface FoldedConvolution {
  /** [out, in, k, k] */
  readonly weight: { readonly shape: readonly number[]; readonly data: Float32Array };
  /** [out] */
  readonly bias: Float32Array;
}

/** One bottleneck: 1x1, 3x3, 1x1, and a projection of the shortcut where sizes change. */
export interface Bottleneck {
  readonly conv1: FoldedConvolution;
  readonly conv2: FoldedConvolution;
  readonly conv3: FoldedConvolution;
  readonly shortcut: FoldedConvolution | undefined;
}

/** A ResNet of bottlenecks as torchvision builds it. */
export interface ResnetWeights {
  readonly stem: FoldedConvolution;
  /** res2 to res5. */
  readonly stages: readonly (readonly Bottleneck[])[];
  /** Channels of the last stage. */
  readonly dim: number;
}

/** torchvision's BatchNorm2d. */
const batchNormEpsilon = 1e-5;
const stageCount = 4;

/**
 * Recognises a ResNet with torchvision's names (`layer1.0.conv1.weight`), which DINO's ResNet-50 has too; plain, or a training
 * checkpoint, of which the teacher is taken. A classifier `fc` is left out.
 *
 * @param source - what to call the file in an error
 * @param part - which of several networks in the checkpoint: what stands before its names, such as `model_ema`
 * @throws U2SegError `not-found` for a parameter that is missing, `shape-mismatch` for one that does not fit,
 * `unsupported` for basic blocks (ResNet-18, -34)
 */
export function readResnet(tensors: readonly NamedTensor[], source = 'checkpoint', part?: string): ResnetWeights {
  const where = `readResnet: ${source}`;
  const named = unwrapParameters(where, tensors, 'conv1.weight', part);
  const tensor = (name: string): NamedTensor => {
    const found = named.get(name);
    if (found === undefined) throw new U2SegError('not-found', `${where}: the parameter "${name}" is missing.`);
    return found;
  };
  const fold = (conv: string, norm: string): FoldedConvolution => {
    const weight = tensor(`${conv}.weight`);
    const [out] = weight.shape;
    const statistic = (name: string): Float32Array => {
      const values = toFloat32(tensor(`${norm}.${name}`), `${where}: "${norm}.${name}"`);
      if (weight.shape.length !== 4 || values.length !== out) {
        throw new U2SegError(
          'shape-mismatch',
          `${where}: "${norm}.${name}" has ${values.length} values for "${conv}.weight" [${weight.shape.join(', ')}].`,
        );
      }
      return values;
    };
    return foldBatchNorm(
      { shape: weight.shape, data: toFloat32(weight, `${where}: "${conv}.weight"`) },
      statistic('weight'),
      statistic('bias'),
      statistic('running_mean'),
      statistic('running_var'),
    );
  };

  if (named.has('layer1.0.conv1.weight') && !named.has('layer1.0.conv3.weight')) {
    throw new U2SegError(
      'unsupported',
      `${where}: basic blocks (ResNet-18, -34); bottlenecks are read (ResNet-50 and up).`,
    );
  }
  const stages: Bottleneck[][] = [];
  for (let stage = 1; stage <= stageCount; stage += 1) {
    const blocks: Bottleneck[] = [];
    while (blocks.length === 0 || named.has(`layer${stage}.${blocks.length}.conv1.weight`)) {
      const name = `layer${stage}.${blocks.length}`;
      blocks.push({
        conv1: fold(`${name}.conv1`, `${name}.bn1`),
        conv2: fold(`${name}.conv2`, `${name}.bn2`),
        conv3: fold(`${name}.conv3`, `${name}.bn3`),
        shortcut: named.has(`${name}.downsample.0.weight`)
          ? fold(`${name}.downsample.0`, `${name}.downsample.1`)
          : undefined,
      });
    }
    stages.push(blocks);
  }
  const dim = stages.at(-1)!.at(-1)!.conv3.bias.length;
  return { stem: fold('conv1', 'bn1'), stages, dim };
}

/** Folds `gamma (x - mean) / sqrt(variance + epsilon) + beta` into the convolution before it, in double precision. */
function foldBatchNorm(
  weight: FoldedConvolution['weight'],
  gamma: Float32Array,
  beta: Float32Array,
  mean: Float32Array,
  variance: Float32Array,
): FoldedConvolution {
  const perChannel = weight.data.length / gamma.length;
  const data = new Float32Array(weight.data.length);
  const bias = new Float32Array(gamma.length);
  for (let channel = 0; channel < gamma.length; channel += 1) {
    const scale = gamma[channel]! / Math.sqrt(variance[channel]! + batchNormEpsilon);
    bias[channel] = beta[channel]! - mean[channel]! * scale;
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i += 1) data[i] = weight.data[i]! * scale;
  }
  return { weight: { shape: weight.shape, data }, bias };
}
