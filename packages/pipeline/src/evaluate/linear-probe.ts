/** STEGO's linear evaluation on a run: a probe on its codes, trained with the labels of some photos, scored on others. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { deriveSeed, U2SegError, WorkerPool, type OnProgress } from '@u2seg/core';
import { drawLabelled, interpolateNearest, labelSplitSeed, resizePillow } from '@u2seg/datasets';
import { loadTfBackend } from '@u2seg/heads';
import { readSafetensors, writeFileAtomic, writeSafetensors } from '@u2seg/interchange';
import { UnsupervisedSemantics } from '@u2seg/metrics';
import {
  loadStegoModel,
  segmentLinear,
  trainLinearProbe,
  type LabelledFeatures,
  type LinearProbeWeights,
  type StegoModel,
} from '@u2seg/self-train';
import type { PipelineConfig } from '../config/config.ts';
import { FeatureStore } from '../semantics/feature-store.ts';
import type { GroundTruth } from './ground-truth.ts';
import { hashOf } from '../run/hash.ts';
import { decodePhoto, type PhotoIndex } from '../photos/photo-index.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import type { SemanticCrfJob } from '../semantics/semantic-crf-worker.ts';
import { classMap, type SemanticScore } from './semantic-scores.ts';
import type { SemanticModel } from '../semantics/semantics-stage.ts';

/** Photos with features and ground truth. */
export interface ProbePhotos {
  readonly index: PhotoIndex;
  readonly truth: GroundTruth;
  readonly features: ProposalTables;
  /** Positions in the index; all are annotated. */
  readonly photos: readonly number[];
  /** What they are, for the report. */
  readonly name: string;
}

/** Share of a run's annotated photos whose labels train the probe, in percent; the others are scored. */
const trainShare = 50;
/** Longest side of the label maps the probe learns from, in pixels: STEGO trains at 224. */
const labelSide = 224;
/** Cells of the labels per cell of the features, at most. */
const labelsPerCell = 4;

/**
 * Halves of the annotated photos of a run: one to learn from, one to score, drawn by the seed of the label splits.
 *
 * @returns undefined where there is only one photo
 */
export function probeHalves(
  all: Omit<ProbePhotos, 'photos' | 'name'>,
): { readonly train: ProbePhotos; readonly val: ProbePhotos } | undefined {
  const { truth, index } = all;
  if (truth.photos.length < 2) return undefined;
  const id = (photo: number): string => index.photos[photo]!.image_id;
  const chosen = new Set(drawLabelled(truth.photos.map(id), trainShare));
  const train = truth.photos.filter((photo) => chosen.has(id(photo)));
  const val = truth.photos.filter((photo) => !chosen.has(id(photo)));
  const name = `${train.length} of the ${truth.photos.length} annotated photos (split seed ${labelSplitSeed})`;
  return { train: { ...all, photos: train, name }, val: { ...all, photos: val, name: 'the others' } };
}

/**
 * Trains the probe, or reads it from `file`, and scores it in the class list that is matched one to one.
 *
 * @throws U2SegError `wrong-usage` if the run has no STEGO model
 */
export async function scoreLinearProbe(
  file: string,
  stego: SemanticModel,
  train: ProbePhotos,
  val: ProbePhotos,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<SemanticScore> {
  const { semantics, seed } = config;
  if (semantics.method !== 'stego')
    throw new U2SegError('wrong-usage', `evaluate.linearProbe wants semantics.method=stego, got ${semantics.method}.`);
  await loadTfBackend(config.train.backend);
  const model = loadStegoModel(new Uint8Array(await readFile(stego.path)), stego.path);
  try {
    const list = train.truth.semanticClasses.find(({ matching }) => matching === 'hungarian-one-to-one')!;
    const ids = train.photos.map((photo) => train.index.photos[photo]!.image_id);
    const identity = hashOf(stego.inputsHash, train.truth.sha256, ids, list.classNames, semantics, seed);
    const probe =
      (await storedProbe(file, identity)) ??
      (await trainLinearProbe(model, await labelledFeatures(train, list), {
        classes: list.classNames.length,
        steps: semantics.steps,
        batchSize: semantics.batchSize,
        seed: deriveSeed(seed, 'linear probe'),
        onProgress,
      }));
    await storeProbe(file, identity, probe);
    const evaluator = new UnsupervisedSemantics({ numClasses: list.classNames.length, matching: 'identity' });
    await eachLabelled(model, probe, val, config, onProgress, async (photo, labels) => {
      evaluator.update(labels, classMap(await val.truth.load(photo), list));
    });
    const { miou, accuracy } = evaluator.compute();
    return {
      classes: list.name,
      numClasses: list.classNames.length,
      matching: 'linear-probe',
      miou,
      pixelAccuracy: accuracy,
      photos: val.photos.length,
      fittedOn: train.name,
    };
  } finally {
    model.dispose();
  }
}

/** Photos with label maps that are no finer than the probe can use. */
async function labelledFeatures(
  { index, truth, features, photos }: ProbePhotos,
  list: GroundTruth['semanticClasses'][number],
): Promise<LabelledFeatures> {
  const store = await FeatureStore.open(features.features, features.backbone.dim);
  const positions = await positionsOf(store);
  const usable = photos.filter((photo) => positions.has(index.photos[photo]!.image_id));
  const at = (i: number): number => positions.get(index.photos[usable[i]!]!.image_id)!;
  return {
    count: usable.length,
    dim: features.backbone.dim,
    read: (i) => store.read(at(i)),
    labels: async (i) => {
      const one = await truth.load(usable[i]!);
      const { gridH, gridW } = await store.read(at(i));
      const { height, width } = one.map;
      const scale = Math.min(1, Math.min(labelSide, labelsPerCell * Math.max(gridH, gridW)) / Math.max(height, width));
      const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
      const labels = Int32Array.from(classMap(one, list));
      return { data: interpolateNearest(labels, { channels: 1, height, width }, h, w), height: h, width: w };
    },
  };
}

/** Place of each photo in the table of features; photos that were skipped have none. */
async function positionsOf(store: FeatureStore): Promise<ReadonlyMap<string, number>> {
  const positions = new Map<string, number>();
  for (let i = 0; i < store.count; i += 1) positions.set(await store.imageId(i), i);
  return positions;
}

/** Class maps of photos at their own size; a photo without features has no class anywhere and is left out. */
async function eachLabelled(
  model: StegoModel,
  probe: LinearProbeWeights,
  { index, features, photos }: ProbePhotos,
  { photos: decoding, semantics }: PipelineConfig,
  onProgress: OnProgress,
  visit: (photo: number, labels: Int32Array) => Promise<void>,
): Promise<void> {
  const { dim } = features.backbone;
  const store = await FeatureStore.open(features.features, dim);
  const positions = await positionsOf(store);
  const crfs = semantics.crf
    ? new WorkerPool<SemanticCrfJob, Uint8Array>(new URL('../semantics/semantic-crf-worker.ts', import.meta.url), {
        size: availableParallelism(),
      })
    : undefined;
  try {
    for (const [done, photo] of photos.entries()) {
      const row = index.photos[photo]!;
      const position = positions.get(row.image_id);
      const { height, width } = row;
      if (position === undefined) await visit(photo, new Int32Array(height * width).fill(-1));
      else {
        const image = await decodePhoto(index.folder, row, decoding);
        const scale = semantics.maxSide === 0 ? 1 : Math.min(1, semantics.maxSide / Math.max(height, width));
        const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
        const small = scale === 1 ? image : resizePillow(image, h, w, 'bilinear');
        const found = await segmentLinear(model, probe, await store.read(position), {
          height: h,
          width: w,
          image: small,
          ...(crfs === undefined
            ? {}
            : {
                crf: async (picture, logProbabilities, labels) =>
                  crfs.run({ image: picture, logProbabilities, labels }, [logProbabilities.buffer as ArrayBuffer]),
              }),
        });
        const labels = Int32Array.from(found);
        const full =
          scale === 1 ? labels : interpolateNearest(labels, { channels: 1, height: h, width: w }, height, width);
        await visit(photo, full);
      }
      onProgress({ stage: 'linear probe', done: done + 1, total: photos.length, unit: 'photos' });
    }
  } finally {
    await crfs?.close();
  }
}

async function storedProbe(file: string, identity: string): Promise<LinearProbeWeights | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const { tensors, metadata } = readSafetensors(new Uint8Array(bytes), file);
  if (metadata.get('identity') !== identity) return undefined;
  const of = (name: string): Float32Array =>
    Float32Array.from(tensors.find((tensor) => tensor.name === name)!.data as Float32Array);
  return { weight: of('linear_probe.weight'), bias: of('linear_probe.bias') };
}

async function storeProbe(file: string, identity: string, { weight, bias }: LinearProbeWeights): Promise<void> {
  const classes = bias.length;
  const tensors = [
    { name: 'linear_probe.weight', dtype: 'float32' as const, shape: [classes, weight.length / classes], data: weight },
    { name: 'linear_probe.bias', dtype: 'float32' as const, shape: [classes], data: bias },
  ];
  await writeFileAtomic(file, writeSafetensors(tensors, { identity }));
}
