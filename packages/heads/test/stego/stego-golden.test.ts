import * as tf from '@tensorflow/tfjs-core';
import { golden, type GoldenTensor } from '@u2seg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Adam,
  ClusterProbe,
  correspondenceLoss,
  keyFeatures,
  LinearProbe,
  patchTokens,
  StegoHead,
  type CorrespondenceBatch,
  type CorrespondenceOptions,
  loadTfBackend,
} from '@u2seg/heads';
import { correspondencePairs, resizeBilinear } from '@u2seg/heads/internal';
import { availableBackends } from '../backends.ts';

interface ReferenceConfig {
  readonly pointwise: boolean;
  readonly zero_clamp: boolean;
  readonly stabalize: boolean;
  readonly neg_samples: number;
  readonly feature_samples: number;
  readonly pos_intra_shift: number;
  readonly pos_inter_shift: number;
  readonly neg_inter_shift: number;
  readonly pos_intra_weight: number;
  readonly pos_inter_weight: number;
  readonly neg_inter_weight: number;
  readonly correspondence_weight: number;
}

const folder = golden('stego');
const configs = folder?.json<{ name: string; cfg: ReferenceConfig }[]>('corr_configs.json') ?? [];
const backends = await availableBackends();

/** [B, C, h, w] -> [B, h * w, C] */
function channelsLast(tensor: GoldenTensor): tf.Tensor3D {
  const [batch, channels, height, width] = tensor.shape as [number, number, number, number];
  return tf.tidy(() => {
    const x = tf.tensor4d(tensor.data as Float32Array, [batch, channels, height, width]);
    return tf.reshape(tf.transpose(x, [0, 2, 3, 1]), [batch, height * width, channels]);
  });
}

/** [B, h * w, C] -> values in the order [B, C, h, w] */
function channelsFirst(x: tf.Tensor): Float32Array {
  return tf.tidy(() => tf.transpose(x as tf.Tensor3D, [0, 2, 1]).dataSync() as Float32Array);
}

const floats = (tensors: Map<string, GoldenTensor>, name: string): Float32Array =>
  tensors.get(name)!.data as Float32Array;
const scalar = (tensors: Map<string, GoldenTensor>, name: string): number => Number(tensors.get(name)!.data[0]);

describe.skipIf(folder === undefined).each(backends)('golden STEGO on %s', (backend) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it('head: features and codes, linear and nonlinear', () => {
    const tensors = folder!.tensors('head.safetensors');
    const [batch, codeDim] = tensors.get('code_linear')!.shape as [number, number];
    const [, tokens, dim] = tensors.get('backbone_tokens')!.shape as [number, number, number];
    const features = patchTokens(floats(tensors, 'backbone_tokens'), batch, tokens - 1, dim);
    const x = tf.tensor3d(features, [batch, tokens - 1, dim]);
    expect(channelsFirst(x)).toEqual(floats(tensors, 'image_feat'));
    const [, , heads, , headDim] = tensors.get('KK_qkv')!.shape as [number, number, number, number, number];
    const keys = keyFeatures(floats(tensors, 'KK_qkv'), batch, heads, tokens - 1, headDim);
    expect(channelsFirst(tf.tensor3d(keys, [batch, tokens - 1, heads * headDim]))).toEqual(
      floats(tensors, 'KK_image_feat'),
    );
    const weights = [...tensors]
      .filter(([name]) => name.startsWith('cluster'))
      .map(([name, { data, shape }]) => ({ name, dtype: 'float32' as const, shape, data: data as Float32Array }));
    for (const projection of ['linear', 'nonlinear'] as const) {
      const head = new StegoHead({ featureDim: dim, codeDim, projection });
      head.loadState(weights);
      const code = head.code(x);
      expect(channelsFirst(code)).toBeAllClose(floats(tensors, `code_${projection}`), { ofMax: 1e-6 });
      for (const { name, data } of head.state()) expect(data).toEqual(floats(tensors, name));
      head.dispose();
    }
  });

  it.each(configs)('correspondence loss $name', ({ name, cfg }) => {
    const inputs = folder!.tensors('corr_inputs.safetensors');
    const tensors = folder!.tensors(`corr_${name}.safetensors`);
    const [, , gridH, gridW] = inputs.get('feats')!.shape as [number, number, number, number];
    const grids = Array.from({ length: inputs.get('feats')!.shape[0]! }, () => ({ gridH, gridW }));
    const options: CorrespondenceOptions = {
      pointwise: cfg.pointwise,
      zeroClamp: cfg.zero_clamp,
      stabilize: cfg.stabalize,
      featureSamples: cfg.feature_samples,
      negativeSamples: cfg.neg_samples,
      selfShift: cfg.pos_intra_shift,
      knnShift: cfg.pos_inter_shift,
      randomShift: cfg.neg_inter_shift,
      selfWeight: cfg.pos_intra_weight * cfg.correspondence_weight,
      knnWeight: cfg.pos_inter_weight * cfg.correspondence_weight,
      randomWeight: cfg.neg_inter_weight * cfg.correspondence_weight,
    };
    const draws = {
      coords: floats(tensors, 'coords1'),
      partnerCoords: floats(tensors, 'coords2'),
      partners: Array.from({ length: cfg.neg_samples }, (_, i) =>
        Array.from(tensors.get(`perm${i}_i64`)!.data as BigInt64Array, Number),
      ),
    };
    const features = channelsLast(inputs.get('feats')!);
    const neighborFeatures = channelsLast(inputs.get('feats_pos')!);
    const code = channelsLast(inputs.get('code')!);
    const neighborCode = channelsLast(inputs.get('code_pos')!);
    const batch = (a: tf.Tensor, b: tf.Tensor): CorrespondenceBatch => ({
      features,
      neighborFeatures,
      code: a as tf.Tensor3D,
      neighborCode: b as tf.Tensor3D,
      grids,
      neighborGrids: grids,
    });

    const losses = correspondenceLoss(batch(code, neighborCode), draws, options);
    // wasm sums a mean in one running float32.
    const atol = backend === 'wasm' ? 4e-7 : 1e-7;
    const ofMax = backend === 'wasm' ? 6e-6 : 2e-6;
    const expectScalar = (actual: tf.Scalar, key: string, tolerance: number): void => {
      const expected = tensors.get(key);
      if (expected !== undefined)
        expect(actual.dataSync()).toBeAllClose(expected.data as Float32Array, { atol: tolerance });
    };
    expectScalar(losses.self, 'pos_intra_loss', atol);
    expectScalar(losses.knn, 'pos_inter_loss', atol);
    expectScalar(losses.random, 'neg_inter_loss_mean', atol);
    expectScalar(losses.total, 'total_loss', atol);
    expectScalar(losses.selfCorrelation, 'pos_intra_cd_mean', 1e-6);
    expectScalar(losses.knnCorrelation, 'pos_inter_cd_mean', 1e-6);
    expectScalar(losses.randomCorrelation, 'neg_inter_cd_mean', 1e-6);

    const terms = { intra: 'self', inter: 'knn', neg: 'random', total: 'total' } as const;
    for (const [reference, term] of Object.entries(terms)) {
      if (!tensors.has(`grad_${reference}_code`)) continue;
      const gradient = tf.grads((a, b) => correspondenceLoss(batch(a!, b!), draws, options)[term]);
      // The neighbour's code has no part in two of the terms, where tfjs has no gradient to give.
      if (term === 'self' || term === 'random') {
        const [own] = tf.grads((a) => correspondenceLoss(batch(a!, neighborCode), draws, options)[term])([code]);
        expect(channelsFirst(own!)).toBeAllClose(floats(tensors, `grad_${reference}_code`), { ofMax });
        expect(floats(tensors, `grad_${reference}_code_pos`).every((value) => value === 0)).toBe(true);
        continue;
      }
      const [own, neighbors] = gradient([code, neighborCode]);
      expect(channelsFirst(own!)).toBeAllClose(floats(tensors, `grad_${reference}_code`), { ofMax });
      expect(channelsFirst(neighbors!)).toBeAllClose(floats(tensors, `grad_${reference}_code_pos`), { ofMax });
    }

    if (tensors.has('pos_intra_cd')) {
      const pairs = correspondencePairs(batch(code, neighborCode), draws, options);
      expect(pairs.self.correlation.dataSync()).toBeAllClose(floats(tensors, 'pos_intra_cd'), { ofMax: 2e-6 });
      expect(pairs.knn.correlation.dataSync()).toBeAllClose(floats(tensors, 'pos_inter_cd'), { ofMax: 2e-6 });
      expect(pairs.random!.correlation.dataSync()).toBeAllClose(floats(tensors, 'neg_inter_cd'), { ofMax: 2e-6 });
      expect(pairs.random!.loss.dataSync()).toBeAllClose(floats(tensors, 'neg_inter_loss'), { ofMax: 2e-6 });
    }
  });

  it('probes: losses, gradients, predictions', () => {
    const tensors = folder!.tensors('probes.safetensors');
    const [batch, channels, height, width] = tensors.get('code')!.shape as [number, number, number, number];
    const code = channelsLast(tensors.get('code')!);
    const codes = tf.reshape(code, [batch * height * width, channels]) as tf.Tensor2D;
    const probe = new ClusterProbe(channels, tensors.get('clusters')!.shape[0]!);
    probe.assign(floats(tensors, 'clusters'));
    const hard = tf.variableGrads(() => probe.loss(codes).loss, [probe.directions]);
    expect(hard.value.dataSync()[0]).toBeCloseTo(scalar(tensors, 'cluster_loss_alpha_none'), 6);
    expect(hard.grads[probe.directions.name]!.dataSync()).toBeAllClose(floats(tensors, 'grad_clusters_alpha_none'), {
      ofMax: 2e-6,
    });
    const soft = tf.variableGrads(() => probe.loss(codes, 2).loss, [probe.directions]);
    expect(soft.value.dataSync()[0]).toBeCloseTo(scalar(tensors, 'cluster_loss_alpha2'), 6);
    expect(soft.grads[probe.directions.name]!.dataSync()).toBeAllClose(floats(tensors, 'grad_clusters_alpha2'), {
      ofMax: 2e-6,
    });
    const maps = (x: tf.Tensor): Float32Array => channelsFirst(tf.reshape(x, [batch, height * width, probe.clusters]));
    const probabilities = probe.probabilities(codes, 2);
    expect(maps(probabilities)).toBeAllClose(floats(tensors, 'cluster_probs_alpha2'), { ofMax: 2e-6 });
    const log = probe.logProbabilities(codes, 2);
    expect(maps(log)).toBeAllClose(floats(tensors, 'cluster_logprobs_alpha2'), { ofMax: 2e-6 });
    expect([...tf.argMax(probe.similarities(codes), 1).dataSync()]).toEqual([
      ...tensors.get('cluster_argmax_u8')!.data,
    ]);

    const [classes] = tensors.get('linear_weight')!.shape as [number];
    const linear = new LinearProbe(channels, classes);
    linear.assign(floats(tensors, 'linear_weight'), floats(tensors, 'linear_bias'));
    const grid = tf.reshape(code, [batch, height, width, channels]) as tf.Tensor4D;
    const logits = tf.reshape(linear.logits(grid), [batch, height * width, classes]);
    expect(channelsFirst(logits)).toBeAllClose(floats(tensors, 'linear_logits'), { ofMax: 2e-6 });
    const labels = tensors.get('label_i32')!;
    const [, rows, columns] = labels.shape as [number, number, number];
    const gradients = tf.variableGrads(
      () => linear.loss(grid, labels.data as Int32Array, rows, columns),
      [linear.weight, linear.bias],
    );
    expect(gradients.value.dataSync()[0]).toBeCloseTo(scalar(tensors, 'linear_loss'), 5);
    const weightGradient = tf.transpose(gradients.grads[linear.weight.name]!).dataSync();
    expect(weightGradient).toBeAllClose(floats(tensors, 'grad_linear_weight'), { ofMax: 2e-5 });
    expect(gradients.grads[linear.bias.name]!.dataSync()).toBeAllClose(floats(tensors, 'grad_linear_bias'), {
      ofMax: 2e-5,
    });

    const upsampled = resizeBilinear(grid, rows, columns);
    const large = tf.reshape(upsampled, [batch * rows * columns, channels]) as tf.Tensor2D;
    expect([...tf.argMax(probe.similarities(large), 1).dataSync()]).toEqual([
      ...tensors.get('eval_cluster_pred_u8')!.data,
    ]);
    expect([...tf.argMax(linear.logits(upsampled), 3).dataSync()]).toEqual([
      ...tensors.get('eval_linear_pred_u8')!.data,
    ]);
  });

  it('probes: Adam steps', () => {
    const tensors = folder!.tensors('probes.safetensors');
    const after = folder!.tensors('probes_adam.safetensors');
    const [batch, channels, height, width] = tensors.get('code')!.shape as [number, number, number, number];
    const grid = tf.reshape(channelsLast(tensors.get('code')!), [batch, height, width, channels]) as tf.Tensor4D;
    const codes = tf.reshape(grid, [batch * height * width, channels]) as tf.Tensor2D;
    const labels = tensors.get('label_i32')!;
    const [, rows, columns] = labels.shape as [number, number, number];
    const probe = new ClusterProbe(channels, tensors.get('clusters')!.shape[0]!);
    probe.assign(floats(tensors, 'clusters'));
    const linear = new LinearProbe(channels, tensors.get('linear_weight')!.shape[0]!);
    linear.assign(floats(tensors, 'linear_weight'), floats(tensors, 'linear_bias'));
    const variables = new Map<string, tf.Variable>([
      ['clusters', probe.directions],
      ['linear_weight', linear.weight],
      ['linear_bias', linear.bias],
    ]);
    const optimizer = new Adam(variables, { learningRate: 5e-3 });
    const counts = [...after.keys()].map((name) => Number(/_after_(\d+)$/u.exec(name)![1]));
    for (let step = 1; step <= Math.max(...counts); step += 1) {
      tf.tidy(() => {
        const { grads } = tf.variableGrads(
          () =>
            tf.add(probe.loss(codes).loss, linear.loss(grid, labels.data as Int32Array, rows, columns)) as tf.Scalar,
          [...variables.values()],
        );
        optimizer.step((variable) => grads[variable.name]!);
      });
      if (!counts.includes(step)) continue;
      expect(probe.directions.dataSync()).toBeAllClose(floats(after, `clusters_after_${step}`), { ofMax: 1e-5 });
      const weight = tf.transpose(linear.weight as tf.Tensor2D).dataSync();
      expect(weight).toBeAllClose(floats(after, `linear_weight_after_${step}`), { ofMax: 1e-5 });
      expect(linear.bias.dataSync()).toBeAllClose(floats(after, `linear_bias_after_${step}`), { ofMax: 1e-5 });
    }
  });
});
