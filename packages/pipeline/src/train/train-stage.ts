/** The network learns the pseudo-labels, then rounds of its own. */
import { mkdir } from 'node:fs/promises';
import { deriveSeed } from '@u2seg/core';
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
import { clusterStage } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from '../run/hash.ts';
import { findInitialWeights, hashesOfInitialWeights, initializeFrom } from '../networks/initial-weights.ts';
import { mergeStage, type LabelTables } from '../merge/merge-stage.ts';
import { predictWithViews } from '../networks/predict-with-views.ts';
import { modelPath, readModel, writeModel, type ModelInfo } from '../networks/model-file.ts';
import { stageContext } from '../photos/index-photos.ts';
import { resizePhoto } from '../photos/resize-photo.ts';
import { curveWarnings } from '../run/health.ts';
import { runStage, stageFolder } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Results, Stage } from '../run/stage.ts';
import { LabelledPhotos, type TrainingTables } from './training-data.ts';

const trainSchema = z.object({ iterations: z.number(), lastLoss: z.number().nullable(), start: z.string().optional() });
const roundSchema = z.array(
  z.object({ round: z.number(), labelsBefore: z.number(), labelsAfter: z.number(), lastLoss: z.number().nullable() }),
);

/** Losses of one training. */
export interface NamedCurve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

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

/** Trains the network on the pseudo-labels. Without iterations there is none: the labels are the result, as for STEGO or MaskCut alone. */
export const trainStage: Stage<TrainedModel> = {
  name: 'train',
  title: 'Training',
  needs: [clusterStage, mergeStage],
  command: { name: 'train', description: 'train the network on the pseudo-labels' },
  wanted: ({ train }) => train.iterations > 0,
  prepare: async ({ config }) => {
    const { init } = config.train;
    if (init !== undefined && init !== 'random') await findInitialWeights(init);
  },
  run: (context) => trainModel(stageContext(context), trainingTables(context.results)),
  describe: ({ curves }) => describeCurve(curves[0]?.points),
  remark: ({ start }, reporter) => {
    if (start !== undefined && start !== 'random weights') reporter.note(`started from ${start}`);
  },
  reportLines: (results) => curveLines(finalModel(results), (name) => name === 'train'),
  summary: (results) =>
    finalModel(results)?.curves.map(({ name, points }) => ({
      name,
      iterations: points.length,
      firstLoss: points[0]?.total,
      lastLoss: points.at(-1)?.total,
    })),
  warnings: (results) => results.of(trainStage).curves.flatMap(({ name, points }) => curveWarnings(name, points)),
  smoke: { train: { shortestEdge: 96, maxSize: 128, checkpointEvery: 4 } },
};

/** Lets the network label the photos for itself, and learn again. */
export const roundsStage: Stage<TrainedModel> = {
  name: 'rounds',
  title: 'Self-training',
  needs: [clusterStage, mergeStage, trainStage],
  command: { name: 'self-train', description: 'self-training rounds' },
  wanted: ({ rounds }) => rounds.count > 0,
  run: (context) => {
    const trained = context.results.of(trainStage);
    return selfTrainModel(stageContext(context), { ...trainingTables(context.results), trained });
  },
  describe: ({ rounds }) =>
    rounds
      .map(({ round, labelsBefore, labelsAfter }) => `round ${round}: ${labelsBefore} labels became ${labelsAfter}`)
      .join('; '),
  reportLines: (results) => curveLines(finalModel(results), (name) => name !== 'train'),
  summary: (results) => finalModel(results)?.rounds,
  warnings: (results) =>
    results
      .of(roundsStage)
      .curves.filter(({ name }) => name !== 'train')
      .flatMap(({ name, points }) => curveWarnings(name, points)),
  smoke: { rounds: { count: 0, iterations: 2 } },
};

/** The network of a run: of its rounds where there were some. */
export function finalModel(results: Results): TrainedModel | undefined {
  return results.get(roundsStage) ?? results.get(trainStage);
}

/** `50 iterations, loss 7.012 to 4.310`. */
export function describeCurve(points: readonly { readonly total: number }[] | undefined): string {
  const [first, last] = [points?.[0], points?.at(-1)];
  if (points === undefined || first === undefined || last === undefined) return 'no iterations';
  return `${points.length} iterations, loss ${first.total.toFixed(3)} to ${last.total.toFixed(3)}`;
}

function curveLines(
  trained: TrainedModel | undefined,
  shown: (name: string) => boolean,
): { readonly items: number; readonly detail: string }[] {
  return (trained?.curves ?? [])
    .filter(({ name }) => shown(name))
    .map(({ name, points }) => ({ items: points.length, detail: `iterations (${name})` }));
}

function trainingTables(results: Results): TrainingTables {
  return { instances: results.of(clusterStage), labels: results.of(mergeStage) };
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

/**
 * Trains the network on the pseudo-labels; a stopped training goes on from its last checkpoint.
 *
 * @throws U2SegError as `trainPanoptic` and `findInitialWeights` do
 */
export async function trainModel(context: StageContext, tables: TrainingTables): Promise<TrainedModel> {
  const { run, index, config, onProgress } = context;
  const { instances, labels } = tables;
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
    ...(initial === undefined ? [] : await hashesOfInitialWeights(initial)),
  );
  const folder = stageFolder(run.folder, 'train', inputsHash);
  const path = modelPath(folder);
  const work = async (): Promise<z.infer<typeof trainSchema>> => {
    await loadTfBackend(config.train.backend);
    await mkdir(folder, { recursive: true });
    const network = networkOf(config, instances.summary.k);
    const model = PanopticCascadeModel.create(network, { seed: deriveSeed(config.seed, 'network') });
    const start = initial === undefined ? 'random weights' : await initializeFrom(model, initial);
    const data = trainingSet(context, tables, network);
    const recipe = recipeOf(config, config.train.iterations, deriveSeed(config.seed, 'train'));
    const { curve, ema } = await trainPanoptic(model, data, { ...recipe, folder, onProgress });
    ema?.adopt();
    ema?.dispose();
    await writeModel(path, model, infoOf(config, network, labels));
    model.dispose();
    return { iterations: curve.length, lastLoss: curve.at(-1)?.total ?? null, start };
  };
  const { start } = await runStage(context, { name: 'train', inputsHash, result: trainSchema, work });
  return {
    inputsHash,
    path,
    ...(start === undefined ? {} : { start }),
    curves: [{ name: 'train', points: await readCurve(`${folder}/curve.jsonl`) }],
    rounds: [],
  };
}

/**
 * Rounds of self-training: the network's own sure predictions join the labels, and it learns again.
 *
 * @returns the network given where the configuration has no rounds
 * @throws U2SegError as `selfTrain` does
 */
export async function selfTrainModel(
  context: StageContext,
  { trained, ...tables }: TrainingTables & { readonly trained: TrainedModel },
): Promise<TrainedModel> {
  const { run, config, onProgress } = context;
  const { count, iterations, minScores, maxIou, maxPredictions, scales, flip } = config.rounds;
  if (count === 0) return trained;
  const inputsHash = hashOf(trained.inputsHash, config.rounds);
  const folder = stageFolder(run.folder, 'rounds', inputsHash);
  const path = modelPath(folder);
  const work = async (): Promise<z.infer<typeof roundSchema>> => {
    await loadTfBackend(config.train.backend);
    await mkdir(folder, { recursive: true });
    const { model: first, info } = await readModel(trained.path);
    // CutLER drops DropLoss once the network labels for itself.
    const { dropLossIou: _off, ...roi } = info.network.roi;
    const network = { ...info.network, roi };
    const model = new PanopticCascadeModel(network, first.store);
    const { shortestEdge, maxSize } = info.testSize;
    const results = await selfTrain(model, trainingSet(context, tables, network), {
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
    return results.map(({ round, labelsBefore, labelsAfter, training }) => ({
      round,
      labelsBefore,
      labelsAfter,
      lastLoss: training.curve.at(-1)?.total ?? null,
    }));
  };
  const rounds = await runStage(context, { name: 'rounds', inputsHash, result: roundSchema, work });
  const curves = await Promise.all(
    rounds.map(async ({ round }) => ({
      name: `round ${round}`,
      points: await readCurve(`${folder}/round-${round}/curve.jsonl`),
    })),
  );
  return { inputsHash, path, curves: [...trained.curves, ...curves], rounds };
}

function trainingSet(
  context: StageContext,
  tables: TrainingTables,
  network: Pick<DetectorConfig, 'roi'>,
): LabelledPhotos {
  return new LabelledPhotos(context, tables, { classAgnostic: network.roi.numClasses === 1 });
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
