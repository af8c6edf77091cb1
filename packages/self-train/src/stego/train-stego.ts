import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, deriveSeed, permutation, seededRng, U2SegError, type OnProgress } from '@u2seg/core';
import { Adam, type CorrespondenceOptions } from '@u2seg/heads';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@u2seg/interchange';
import type { StegoFeatureSource } from './feature-source.ts';
import { globalDescriptors, nearestNeighbors } from './nearest-neighbors.ts';
import { stegoCorrespondence, type StegoPresetName } from './presets.ts';
import { readStegoConfig, stegoFormat, StegoModel, type StegoModelConfig } from './stego-model.ts';
import { stegoStep, type StegoOptimizers, type StegoStepLosses } from './stego-step.ts';

export interface TrainStegoOptions {
  readonly preset?: StegoPresetName;
  /** Changes to the preset's correspondence loss. */
  readonly correspondence?: Partial<CorrespondenceOptions>;
  /** Updates in all, those before a resumed checkpoint included. */
  readonly steps?: number;
  /** Photos per step; fewer where there are fewer photos. */
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly probeLearningRate?: number;
  /** C, width of the code. */
  readonly codeDim?: number;
  readonly projection?: 'linear' | 'nonlinear';
  /** Drop feature channels (10 %) while training. */
  readonly dropout?: boolean;
  /** A photo's positive partner is drawn among so many nearest photos. */
  readonly numNeighbors?: number;
  /** Clusters of the cluster probe are `classes + extraClusters`; 27 in COCO-Stuff and Cityscapes. */
  readonly classes?: number;
  readonly extraClusters?: number;
  /** `derangement`: negatives are always other photos, each once; `reference`: STEGO's `super_perm`. */
  readonly partnerRule?: 'derangement' | 'reference';
  readonly seed?: number;
  /** Bytes of a checkpoint of the same run, to continue it. */
  readonly resume?: Uint8Array;
  /** Updates between checkpoints; 0 for none but the last. */
  readonly checkpointEvery?: number;
  /** Receives every checkpoint; awaited. */
  readonly onCheckpoint?: (bytes: Uint8Array, step: number) => void | Promise<void>;
  readonly onProgress?: OnProgress;
  /** Stops after the step in progress; the result then holds what was reached. */
  readonly signal?: AbortSignal;
}

/** STEGO's released configuration (arXiv:2203.08414, `train_config.yml`); the paper states batch 32. */
export const trainStegoDefaults: Required<
  Omit<TrainStegoOptions, 'correspondence' | 'resume' | 'onCheckpoint' | 'onProgress' | 'signal'>
> = {
  preset: 'default-vit-small',
  steps: 5000,
  batchSize: 16,
  learningRate: 5e-4,
  probeLearningRate: 5e-3,
  codeDim: 70,
  projection: 'nonlinear',
  dropout: true,
  numNeighbors: 7,
  classes: 27,
  extraClusters: 0,
  partnerRule: 'derangement',
  seed: 0,
  checkpointEvery: 0,
};

export interface TrainStegoResult {
  /** The caller disposes it. */
  readonly model: StegoModel;
  /** Losses of the steps of this call, in order. */
  readonly losses: readonly StegoStepLosses[];
  /** Updates made in all, those before the resumed checkpoint included. */
  readonly steps: number;
  readonly stopped: 'finished' | 'aborted';
  /** Checkpoint after the last step: resumes exactly, and `loadStegoModel` reads it. */
  readonly checkpoint: Uint8Array;
  /** TensorFlow.js backend it ran on, for the report. */
  readonly backend: string;
}

/**
 * Trains STEGO's head and probes on dense features that are already there.
 *
 * 1. find each photo's nearest photos by its mean feature;
 * 2. per step draw photos without replacement within an epoch, and one neighbour of each;
 * 3. correspondence loss over the photo itself, its neighbour and random others; one Adam step of the head, and of the
 *    probes on the detached code.
 *
 * Runs on the current TensorFlow.js backend (`loadTfBackend` of `@u2seg/heads`); all of it works on wasm and cpu too,
 * slower. Everything random follows from `seed` and the step's number, so a resumed run repeats the unbroken one: bit
 * for bit on the same backend and machine.
 *
 * @throws U2SegError `out-of-range` without photos or for a bad option, `not-converged` at the first loss that is not
 *   finite (the last checkpoint stays good), `conflict` if `resume` is of a model of other sizes
 */
export async function trainStego(
  source: StegoFeatureSource,
  options: TrainStegoOptions = {},
): Promise<TrainStegoResult> {
  const settings = { ...trainStegoDefaults, ...options };
  assertInteger('trainStego: source.count', source.count, 1);
  assertInteger('trainStego: steps', settings.steps, 0);
  assertInteger('trainStego: batchSize', settings.batchSize, 1);
  const correspondence = { ...stegoCorrespondence(settings.preset), ...settings.correspondence };
  const config: StegoModelConfig = {
    featureDim: source.dim,
    codeDim: settings.codeDim,
    projection: settings.projection,
    clusters: settings.classes + settings.extraClusters,
    classes: source.labels === undefined ? 0 : settings.classes,
  };
  const model = new StegoModel(config, settings.seed);
  const optimizers = createOptimizers(model, settings.learningRate, settings.probeLearningRate);
  try {
    const done = settings.resume === undefined ? 0 : resume(settings.resume, model, optimizers);
    const descriptors = await globalDescriptors(source, settings.onProgress);
    const near = await nearestNeighbors(descriptors, source.count, source.dim, settings.numNeighbors);
    const order = new EpochOrder(source.count, Math.min(settings.batchSize, source.count), settings.seed);
    const losses: StegoStepLosses[] = [];
    let step = done;
    while (step < settings.steps && settings.signal?.aborted !== true) {
      const rows = order.batch(step);
      const rng = seededRng(deriveSeed(settings.seed, 'stego neighbors', step));
      const partners = Array.from(
        rows,
        (row) => near.indices[row * near.neighbors + Math.floor(rng() * near.neighbors)]!,
      );
      const batch = {
        images: await readAll(source, rows),
        neighbors: await readAll(source, partners),
        ...(source.labels === undefined
          ? {}
          : { labels: await Promise.all(Array.from(rows, (row) => source.labels!(row))) }),
      };
      const loss = stegoStep(model, optimizers, batch, {
        correspondence,
        partnerRule: settings.partnerRule,
        dropout: settings.dropout,
        seed: deriveSeed(settings.seed, 'stego step', step),
      });
      if (!Object.values(loss).every(Number.isFinite)) {
        throw new U2SegError(
          'not-converged',
          `trainStego: every loss must be finite, got ${JSON.stringify(loss)} in step ${step}; lower the learning rate or check the features.`,
        );
      }
      losses.push(loss);
      step += 1;
      settings.onProgress?.({
        stage: 'stego',
        done: step,
        total: settings.steps,
        unit: 'steps',
        values: { ...loss },
      });
      const due = settings.checkpointEvery > 0 && step % settings.checkpointEvery === 0;
      if (due && step < settings.steps) await settings.onCheckpoint?.(checkpointBytes(model, optimizers, step), step);
    }
    const checkpoint = checkpointBytes(model, optimizers, step);
    await settings.onCheckpoint?.(checkpoint, step);
    return {
      model,
      losses,
      steps: step,
      stopped: step < settings.steps ? 'aborted' : 'finished',
      checkpoint,
      backend: tf.getBackend(),
    };
  } catch (cause) {
    model.dispose();
    throw cause;
  } finally {
    optimizers.head.dispose();
    optimizers.clusterProbe.dispose();
    optimizers.linearProbe?.dispose();
  }
}

function readAll(
  source: StegoFeatureSource,
  rows: ArrayLike<number>,
): Promise<Awaited<ReturnType<StegoFeatureSource['read']>>[]> {
  return Promise.all(Array.from(rows, (row) => source.read(row)));
}

function createOptimizers(model: StegoModel, learningRate: number, probeLearningRate: number): StegoOptimizers {
  const { clusterProbe, linearProbe } = model;
  return {
    head: new Adam(model.head.variables(), { learningRate }),
    clusterProbe: new Adam(new Map([['clusters', clusterProbe.directions]]), { learningRate: probeLearningRate }),
    linearProbe:
      linearProbe === undefined
        ? undefined
        : new Adam(
            new Map<string, tf.Variable>([
              ['weight', linearProbe.weight],
              ['bias', linearProbe.bias],
            ]),
            { learningRate: probeLearningRate },
          ),
  };
}

/** Every epoch is a permutation of the photos under its own seed; a last batch that would be smaller is left out. */
class EpochOrder {
  readonly #count: number;
  readonly #batch: number;
  readonly #seed: number;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);

  constructor(count: number, batch: number, seed: number) {
    this.#count = count;
    this.#batch = batch;
    this.#seed = seed;
  }

  batch(step: number): Uint32Array {
    const perEpoch = Math.floor(this.#count / this.#batch);
    const epoch = Math.floor(step / perEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = permutation(this.#count, seededRng(deriveSeed(this.#seed, 'stego epoch', epoch)));
    }
    const from = (step % perEpoch) * this.#batch;
    return this.#order.subarray(from, from + this.#batch);
  }
}

function checkpointBytes(model: StegoModel, optimizers: StegoOptimizers, step: number): Uint8Array {
  const tensors: NamedTensor[] = [
    ...model.state(),
    ...optimizers.head.state('adam.head.'),
    ...optimizers.clusterProbe.state('adam.cluster_probe.'),
    ...(optimizers.linearProbe?.state('adam.linear_probe.') ?? []),
  ];
  const metadata = { format: stegoFormat, config: JSON.stringify(model.config), step: String(step) };
  return writeSafetensors(tensors, metadata);
}

/** Restores model and optimizers; returns the number of updates made before. */
function resume(bytes: Uint8Array, model: StegoModel, optimizers: StegoOptimizers): number {
  const { tensors, metadata } = readSafetensors(bytes, 'trainStego: resume');
  const config = readStegoConfig(metadata, 'trainStego: resume');
  if (JSON.stringify(config) !== JSON.stringify(model.config)) {
    throw new U2SegError(
      'conflict',
      `trainStego: resume must be of a model ${JSON.stringify(model.config)}, got ${JSON.stringify(config)}.`,
    );
  }
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  model.loadState(named);
  optimizers.head.loadState('adam.head.', named);
  optimizers.clusterProbe.loadState('adam.cluster_probe.', named);
  optimizers.linearProbe?.loadState('adam.linear_probe.', named);
  return Number(metadata.get('step'));
}
