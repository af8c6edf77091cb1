/** Sixth and seventh stage: the network learns the pseudo-labels, then rounds of its own. */
import { mkdir } from 'node:fs/promises';
import { deriveSeed, type OnProgress } from '@u2seg/core';
import { loadTfBackend, PanopticCascadeModel, type DetectorConfig } from '@u2seg/heads';
import {
  readCurve,
  selfTrain,
  tinyRecipe,
  trainPanoptic,
  trainPreset,
  type CurvePoint,
  type TrainPanopticOptions,
} from '@u2seg/self-train';
import { z } from 'zod';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { hashFile, hashOf } from '../run/hash.ts';
import { findInitialWeights, initializeFrom } from '../networks/initial-weights.ts';
import type { LabelTables } from '../merge/merge-stage.ts';
import { predictWithViews } from '../networks/predict-with-views.ts';
import { readModel, writeModel, type ModelInfo } from '../networks/model-file.ts';
import type { PhotoIndex } from '../photos/photo-index.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { LabelledPhotos } from './training-data.ts';
import { resizePhoto } from '../photos/resize-photo.ts';

const trainSchema = z.object({ iterations: z.number(), lastLoss: z.number().nullable(), start: z.string().optional() });
const roundSchema = z.array(
  z.object({ round: z.number(), labelsBefore: z.number(), labelsAfter: z.number(), lastLoss: z.number().nullable() }),
);

export interface TrainedModel {
  readonly inputsHash: string;
  /** Model file of the last training there was. */
  readonly path: string;
  /** What training started from, and which tensors of it did not match; absent in runs of earlier versions. */
  readonly start?: string;
  /** Curves by name: `train`, `round 1`, ... */
  readonly curves: readonly NamedCurve[];
  readonly rounds: z.infer<typeof roundSchema>;
}

/** The network the configuration describes, for K thing clusters. */
export function networkOf(config: PipelineConfig, things: number): DetectorConfig {
  const { train, semantics, predict } = config;
  const preset = trainPreset(train.preset).network({ things: Math.max(1, things), stuff: semantics.clusters });
  // Without stuff to learn there is no semantic branch: U2Seg's things-only model (Table A5).
  const { semantic, ...withoutStuff } = preset;
  const network = semantics.method === 'none' || semantic === undefined ? withoutStuff : preset;
  const { dropLossIou: own, ...roi } = network.roi;
  const dropLossIou = train.dropLossIou === undefined ? own : (train.dropLossIou ?? undefined);
  return {
    ...network,
    roi: { ...roi, ...(dropLossIou === undefined ? {} : { dropLossIou }) },
    panoptic: { ...network.panoptic, minInstanceScore: predict.minPanopticScore },
  };
}

/** The recipe the configuration describes, for a number of iterations. */
function recipeOf(config: PipelineConfig, iterations: number, seed: number): TrainPanopticOptions {
  const { train } = config;
  const preset = trainPreset(train.preset);
  const { copyPaste: presetPaste, ...recipe } = train.preset.startsWith('tiny')
    ? { ...preset.recipe, ...tinyRecipe(iterations) }
    : { ...preset.recipe, iterations };
  const copyPaste = train.copyPaste === undefined ? presetPaste : train.copyPaste ? (presetPaste ?? {}) : undefined;
  return {
    ...recipe,
    ...(copyPaste === undefined ? {} : { copyPaste }),
    batchSize: train.batchSize ?? recipe.batchSize,
    schedule: train.learningRate === undefined ? recipe.schedule : { ...recipe.schedule, baseLr: train.learningRate },
    ...(train.precision === undefined ? {} : { precision: train.precision }),
    seed,
    resize: resizePhoto,
    checkpointEvery: train.checkpointEvery,
  };
}

export async function trainModel(
  run: RunDirectory,
  index: PhotoIndex,
  instances: InstanceTables,
  labels: LabelTables,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<TrainedModel> {
  const { checkpointEvery: _often, backend: _where, init, ...settings } = config.train;
  const { predict } = config;
  const initial = init === undefined || init === 'random' ? undefined : await findInitialWeights(init);
  const inputsHash = hashOf(
    index.dataHash,
    labels.inputsHash,
    settings,
    // What becomes part of the model file; how predictions are made is no part of it.
    [predict.shortestEdge, predict.maxSize, predict.minPanopticScore],
    config.merge.maxInstances,
    config.seed,
    ...(initial === undefined ? [] : [await hashFile(initial)]),
  );
  const folder = run.path('stages', 'train', inputsHash.slice(0, 12));
  const path = `${folder}/model.safetensors`;
  let finished = await run.finished('train', inputsHash, trainSchema);
  if (finished === undefined) {
    await loadTfBackend(config.train.backend);
    await mkdir(folder, { recursive: true });
    const network = networkOf(config, instances.summary.k);
    const model = PanopticCascadeModel.create(network, { seed: deriveSeed(config.seed, 'network') });
    const start = initial === undefined ? 'random weights' : await initializeFrom(model, initial);
    const data = trainingSet(index, instances, labels, config, network);
    const recipe = recipeOf(config, config.train.iterations, deriveSeed(config.seed, 'train'));
    const { curve, ema } = await trainPanoptic(model, data, { ...recipe, folder, onProgress });
    ema?.adopt();
    ema?.dispose();
    await writeModel(path, model, infoOf(config, network, labels));
    model.dispose();
    finished = { iterations: curve.length, lastLoss: curve.at(-1)?.total ?? null, start };
    await run.finish('train', inputsHash, finished);
  }
  return {
    inputsHash,
    path,
    ...(finished.start === undefined ? {} : { start: finished.start }),
    curves: [{ name: 'train', points: await readCurve(`${folder}/curve.jsonl`) }],
    rounds: [],
  };
}

export async function selfTrainModel(
  run: RunDirectory,
  index: PhotoIndex,
  instances: InstanceTables,
  labels: LabelTables,
  trained: TrainedModel,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<TrainedModel> {
  const { count, iterations, minScores, maxIou, maxPredictions, scales, flip } = config.rounds;
  if (count === 0) return trained;
  const inputsHash = hashOf(trained.inputsHash, config.rounds);
  const folder = run.path('stages', 'rounds', inputsHash.slice(0, 12));
  const path = `${folder}/model.safetensors`;
  let rounds = await run.finished('rounds', inputsHash, roundSchema);
  if (rounds === undefined) {
    await loadTfBackend(config.train.backend);
    await mkdir(folder, { recursive: true });
    const { model: first, info } = await readModel(trained.path);
    // CutLER drops DropLoss once the network labels for itself.
    const { dropLossIou: _off, ...roi } = info.network.roi;
    const network = { ...info.network, roi };
    const model = new PanopticCascadeModel(network, first.store);
    const { shortestEdge, maxSize } = info.testSize;
    const results = await selfTrain(model, trainingSet(index, instances, labels, config, network), {
      rounds: Array.from({ length: count }, (_, r) => ({
        labels: { minScore: minScores[Math.min(r, minScores.length - 1)]!, maxIou, maxPredictions },
        training: recipeOf(config, iterations, deriveSeed(config.seed, 'round', r + 1)),
      })),
      predict: async (teacher, image) =>
        predictWithViews(teacher, image, { shortestEdge, maxSize, scales, flip, minScore: Math.min(...minScores) }),
      folder,
      onProgress,
    });
    results.at(-1)?.training.ema?.adopt();
    results.at(-1)?.training.ema?.dispose();
    await writeModel(path, model, { ...info, network });
    model.dispose();
    rounds = results.map(({ round, labelsBefore, labelsAfter, training }) => ({
      round,
      labelsBefore,
      labelsAfter,
      lastLoss: training.curve.at(-1)?.total ?? null,
    }));
    await run.finish('rounds', inputsHash, rounds);
  }
  const curves = await Promise.all(
    rounds.map(async ({ round }) => ({
      name: `round ${round}`,
      points: await readCurve(`${folder}/round-${round}/curve.jsonl`),
    })),
  );
  return { inputsHash, path, curves: [...trained.curves, ...curves], rounds };
}

function trainingSet(
  index: PhotoIndex,
  instances: InstanceTables,
  labels: LabelTables,
  config: PipelineConfig,
  network: DetectorConfig,
): LabelledPhotos {
  return new LabelledPhotos(index, instances, labels, config, { classAgnostic: network.roi.numClasses === 1 });
}

function infoOf(config: PipelineConfig, network: DetectorConfig, labels: LabelTables): ModelInfo {
  const { shortestEdge, maxSize } = config.predict;
  return {
    network,
    things: network.roi.numClasses,
    stuff: config.semantics.clusters,
    testSize: { shortestEdge, maxSize },
    trainedOn: labels.inputsHash,
  };
}

export interface NamedCurve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}
