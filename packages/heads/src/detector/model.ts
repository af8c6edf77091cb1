import * as tf from '@tensorflow/tfjs-core';
import { assertImage, U2SegError, type RgbImage, type SeededRng } from '@u2seg/core';
import { concatBoxes, type BoxArray } from '../boxes/box-array.ts';
import type { BatchStatistics } from '../tf/batch-norm.ts';
import { assertPrecision, type Precision } from '../tf/precision.ts';
import { valueAndGradients, withoutGradients } from '../tf/value-and-gradients.ts';
import { withinScope } from '../tf/within-scope.ts';
import type { DetectorConfig } from './config/config.ts';
import { detect, proposeRegions } from './inference/inference.ts';
import { combinePanoptic } from './inference/panoptic.ts';
import { finishInstances, finishSemantic, type Prediction } from './inference/prediction.ts';
import { levelAnchors, selectProposals, type ImageSize, type Proposals } from './inference/proposals.ts';
import { featurePyramid, type Pyramid } from './network/fpn.ts';
import type { ForwardPass } from './network/layers.ts';
import { imageBatch } from './network/preprocess.ts';
import { resnet } from './network/resnet.ts';
import { pyramidRows } from './network/roi-pooler.ts';
import { rpnHead, type RpnLevel } from './network/rpn-head.ts';
import { semanticLogits } from './network/semantic-head.ts';
import { ParameterStore } from './parameters/parameter-store.ts';
import { PreparedWeights } from './parameters/prepared-weights.ts';
import { RunningStatistics } from './parameters/running-statistics.ts';
import { cascadeLosses } from './training/cascade-training.ts';
import { maskLoss } from './training/mask-training.ts';
import { sampleRegions, type LabelledRegions } from './training/roi-targets.ts';
import { anchorTargets, rpnLosses } from './training/rpn-training.ts';
import { semanticLoss } from './training/semantic-training.ts';
import { assertTrainSample, type TrainSample } from './training/train-sample.ts';

/** What decides a training forward pass besides the batch. */
export interface TrainForwardOptions {
  /** Draws the sampled anchors and proposals; its state after the call belongs in a checkpoint. */
  readonly rng: SeededRng;
  /** Anchor labels to use instead of sampled ones, one array an image, levels p2 to p6 concatenated. */
  readonly anchorLabels?: readonly Int8Array[];
  /** Proposals to use instead of the network's own, one array an image: [R, 4] inside the image. */
  readonly proposals?: readonly Proposals[];
  /** Default float32; {@link Precision} says what bfloat16 changes. */
  readonly precision?: Precision;
  /** Fold the batch's statistics into the running ones (default true). */
  readonly updateStatistics?: boolean;
  /**
   * Receives mean and unbiased variance of every batch normalization, [C] each, by the name of its layer, and the number of values a
   * channel they are over.
   */
  readonly onStatistics?: (layer: string, mean: Float32Array, variance: Float32Array, count: number) => void;
}

/** Counts of a training forward pass, for logs and tests. */
export interface TrainCounts {
  /** Per image. */
  readonly proposals: readonly number[];
  readonly sampledRegions: readonly number[];
  readonly foregroundRegions: readonly number[];
  readonly positiveAnchors: readonly number[];
  readonly negativeAnchors: readonly number[];
}

export interface TrainForward {
  /** Weighted losses by detectron2's names: `loss_sem_seg`, `loss_rpn_cls`, `loss_cls_stage0`, ... */
  readonly losses: Readonly<Record<string, tf.Scalar>>;
  /** Their sum. */
  readonly total: tf.Scalar;
  readonly counts: TrainCounts;
  readonly proposals: readonly Proposals[];
  readonly regions: readonly LabelledRegions[];
}

export interface TrainGradients {
  readonly losses: Readonly<Record<string, number>>;
  readonly total: number;
  readonly counts: TrainCounts;
  readonly proposals: readonly Proposals[];
  readonly regions: readonly LabelledRegions[];
  /** One a trainable parameter, in its run-time layout, zeros where the loss does not reach; the caller disposes them. */
  readonly gradients: Map<string, tf.Tensor>;
}

export interface InferOptions {
  /** Size of the result; default the input's. */
  readonly output?: ImageSize;
  /** Default float32. */
  readonly precision?: Precision;
}

/**
 * Mask R-CNN, Cascade Mask R-CNN or Panoptic Cascade Mask R-CNN on ResNet and FPN, on the current TensorFlow.js
 * backend. Parameters carry detectron2's names.
 */
export class PanopticCascadeModel {
  readonly config: DetectorConfig;
  readonly store: ParameterStore;
  readonly #running: RunningStatistics;
  readonly #prepared = new PreparedWeights();

  constructor(config: DetectorConfig, store: ParameterStore) {
    this.config = config;
    this.store = store;
    this.#running = new RunningStatistics(store);
  }

  /** A network with fresh parameters; same seed, same parameters. */
  static create(config: DetectorConfig, options: { readonly seed: number }): PanopticCascadeModel {
    return new PanopticCascadeModel(config, ParameterStore.initialize(config, options.seed));
  }

  /** Trainable variables by name; their values may be assigned. */
  parameters(): Map<string, tf.Variable> {
    return this.store.trainable();
  }

  /** Running statistics, counters and frozen weights by name. */
  buffers(): Map<string, tf.Variable> {
    return this.store.buffers();
  }

  /** Backbone and pyramid of a normalized batch: [B, H, W, 3] -> p2 to p6. */
  pyramid(images: tf.Tensor4D, pass: ForwardPass = this.#inferencePass()): Pyramid {
    return featurePyramid(pass, this.config.fpn, resnet(pass, this.config.resnet, images));
  }

  /**
   * All losses of a batch. Call it inside `tf.tidy` or `tf.variableGrads`; {@link gradients} does so.
   *
   * @throws U2SegError `shape-mismatch` or `wrong-usage` for a sample whose parts do not agree
   * @throws U2SegError `not-converged` if a prediction is not finite
   * @throws U2SegError `unavailable` for a precision the backend does not have
   */
  forwardTrain(batch: readonly TrainSample[], options: TrainForwardOptions): TrainForward {
    const { config } = this;
    if (batch.length === 0) throw new U2SegError('wrong-usage', 'forwardTrain: the batch is empty.');
    for (const [i, sample] of batch.entries()) {
      assertTrainSample(`forwardTrain: sample ${i}`, sample, config.semantic !== undefined);
    }
    const collected = new Map<string, BatchStatistics>();
    const { precision = 'float32' } = options;
    assertPrecision('forwardTrain', precision);
    const pass: ForwardPass = {
      parameters: this.store,
      precision,
      training: true,
      onStatistics: (layer, statistics, count) => {
        this.#running.collect(collected, layer, statistics);
        const [mean, variance] = [statistics.mean, statistics.variance];
        if (options.onStatistics !== undefined)
          options.onStatistics(layer, mean.dataSync() as Float32Array, variance.dataSync() as Float32Array, count);
      },
    };
    try {
      const pyramid = this.pyramid(
        imageBatch(
          batch.map((sample) => sample.image),
          config,
        ),
        pass,
      );
      const losses: Record<string, tf.Scalar> = {};
      if (config.semantic !== undefined) {
        const logits = semanticLogits(pass, config.semantic, pyramid);
        losses['loss_sem_seg'] = semanticLoss(logits, batch, config.semantic);
      }
      // proposals have no gradient, so neither have these maps
      const levels = withoutGradients(() => rpnHead({ ...pass, training: false }, pyramid));
      const maps = pyramidRows(pyramid);
      const anchors = levelAnchors(levels, config.rpn);
      const allAnchors = concatBoxes(anchors);
      const targets = batch.map((sample, i) =>
        anchorTargets(allAnchors, sample, config.rpn, options.rng, options.anchorLabels?.[i]),
      );
      Object.assign(losses, rpnLosses(pass, maps, anchors, targets, batch, config.rpn));
      const proposals = options.proposals ?? this.#propose(levels, anchors, batch);
      const regions = batch.map((sample, i) => sampleRegions(proposals[i]!.boxes, sample, config.roi, options.rng));
      Object.assign(losses, cascadeLosses(pass, config, maps, batch, regions));
      losses['loss_mask'] = maskLoss(pass, config, maps, batch, regions);
      if (options.updateStatistics !== false) this.#running.update(collected);
      const count = (labels: Int8Array, label: number): number => labels.reduce((n, l) => n + Number(l === label), 0);
      return {
        losses,
        total: Object.values(losses).reduce((sum, loss) => tf.add(sum, loss)),
        counts: {
          proposals: proposals.map(({ logits }) => logits.length),
          sampledRegions: regions.map(({ classes }) => classes.length),
          foregroundRegions: regions.map(({ classes }) => classes.filter((k) => k < config.roi.numClasses).length),
          positiveAnchors: targets.map(({ labels }) => count(labels, 1)),
          negativeAnchors: targets.map(({ labels }) => count(labels, 0)),
        },
        proposals,
        regions,
      };
    } finally {
      this.#running.discard(collected);
    }
  }

  /** Losses of a batch and the gradient of their sum with respect to every trainable parameter. */
  gradients(batch: readonly TrainSample[], options: TrainForwardOptions): TrainGradients {
    this.#prepared.dispose();
    const parameters = this.parameters();
    let forward: TrainForward | undefined;
    const { gradients: found, value } = valueAndGradients(() => {
      forward = this.forwardTrain(batch, options);
      for (const loss of Object.values(forward.losses)) tf.keep(loss);
      return forward.total;
    }, [...parameters.values()]);
    const gradients = new Map<string, tf.Tensor>();
    for (const [name, variable] of parameters) gradients.set(name, found.get(variable.name) ?? tf.zerosLike(variable));
    const { losses, ...rest } = forward!;
    const values: Record<string, number> = {};
    for (const [name, loss] of Object.entries(losses)) {
      values[name] = loss.dataSync()[0]!;
      loss.dispose();
    }
    const total = value.dataSync()[0]!;
    value.dispose();
    return { losses: values, total, counts: rest.counts, proposals: rest.proposals, regions: rest.regions, gradients };
  }

  /**
   * Instances, and with a semantic branch the semantic and panoptic maps, of one image at network size.
   *
   * @throws U2SegError `shape-mismatch` if the image's data does not fit its size
   * @throws U2SegError `unavailable` for a precision the backend does not have
   */
  infer(image: RgbImage, options: InferOptions = {}): Prediction {
    assertImage('infer: image', image);
    const { config } = this;
    const output = options.output ?? { height: image.height, width: image.width };
    const size = { height: image.height, width: image.width };
    return withinScope((): Prediction => {
      const pass = this.#inferencePass(options.precision);
      const pyramid = this.pyramid(imageBatch([image], config), pass);
      const found = detect(pass, config, pyramidRows(pyramid), proposeRegions(pass, config, pyramid, size), size);
      const instances = finishInstances(found, size, output);
      const result = { height: output.height, width: output.width, instances };
      if (config.semantic === undefined) return result;
      const logits = finishSemantic(semanticLogits(pass, config.semantic, pyramid), size, output);
      const semantic = tf.argMax(logits, 3).dataSync() as Int32Array;
      const { masks, scores, classes } = instances;
      return { ...result, semantic, panoptic: combinePanoptic({ masks, scores, classes, semantic }, config.panoptic) };
    });
  }

  dispose(): void {
    this.#prepared.dispose();
    this.store.dispose();
  }

  #propose(levels: readonly RpnLevel[], anchors: readonly BoxArray[], batch: readonly TrainSample[]): Proposals[] {
    const predictions = levels.map(({ objectness, deltas }) => ({
      logits: objectness.dataSync() as Float32Array,
      deltas: deltas.dataSync() as Float32Array,
    }));
    const sizes = batch.map((sample) => sample.image);
    return selectProposals(predictions, anchors, sizes, this.config.rpn, 'train');
  }

  #inferencePass(precision: Precision = 'float32'): ForwardPass {
    assertPrecision('infer', precision);
    return {
      parameters: this.store,
      precision,
      training: false,
      prepared: this.#prepared,
      onStatistics: () => {},
    };
  }
}
