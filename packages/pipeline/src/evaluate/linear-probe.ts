/** STEGO's linear evaluation on a run: a probe on its codes, trained with the labels of some photos, scored on others. */
import { readFile } from 'node:fs/promises';
import { deriveSeed, resampleNearest, U2SegError, writeFileAtomic } from '@u2seg/core';
import { drawLabelled, labelSplitSeed } from '@u2seg/datasets';
import { loadTfBackend } from '@u2seg/heads';
import { readSafetensors, writeSafetensors } from '@u2seg/interchange';
import { UnsupervisedSemantics } from '@u2seg/metrics';
import {
  loadStegoModel,
  segmentLinear,
  trainLinearProbe,
  type LabelledFeatures,
  type LinearProbeWeights,
  type StegoModel,
} from '@u2seg/self-train';
import { decodePhoto } from '../photos/decode-photo.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import { hashOf } from '../run/hash.ts';
import type { PhotoIndex } from '../run/photo-index.ts';
import type { StageContext } from '../run/stage-context.ts';
import { openMapDrawer } from '../semantics/draw-map.ts';
import { FeatureStore } from '../semantics/feature-store.ts';
import type { SemanticModel } from '../semantics/semantics-stage.ts';
import type { GroundTruth } from './ground-truth.ts';
import { classMap, type SemanticScore } from './semantic-scores.ts';

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

type ProbeContext = Pick<StageContext, 'config' | 'onProgress'>;

export interface LinearProbeParts {
  /** Where the probe is kept. */
  readonly file: string;
  readonly stego: SemanticModel;
  /** Photos it learns from, and photos it is scored on. */
  readonly train: ProbePhotos;
  readonly val: ProbePhotos;
}

/**
 * Trains the probe, or reads it from `file`, and scores it in the class list that is matched one to one.
 *
 * @throws U2SegError `wrong-usage` if the run has no STEGO model
 */
export async function scoreLinearProbe(
  { config, onProgress }: ProbeContext,
  { file, stego, train, val }: LinearProbeParts,
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
    await eachLabelled({ config, onProgress }, { model, probe, photos: val }, async (photo, labels) => {
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
      return { data: resampleNearest(labels, { height, width }, h, w), height: h, width: w };
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
  { config: { photos: decoding, semantics }, onProgress }: ProbeContext,
  {
    model,
    probe,
    photos: { index, features, photos },
  }: { readonly model: StegoModel; readonly probe: LinearProbeWeights; readonly photos: ProbePhotos },
  visit: (photo: number, labels: Int32Array) => Promise<void>,
): Promise<void> {
  const store = await FeatureStore.open(features.features, features.backbone.dim);
  const positions = await positionsOf(store);
  const drawer = openMapDrawer(semantics);
  try {
    for (const [done, photo] of photos.entries()) {
      const row = index.photos[photo]!;
      const position = positions.get(row.image_id);
      if (position === undefined) await visit(photo, new Int32Array(row.height * row.width).fill(-1));
      else {
        const codes = await store.read(position);
        const map = await drawer.draw(await decodePhoto(index.folder, row, decoding), (image, crf) =>
          segmentLinear(model, probe, codes, {
            height: image.height,
            width: image.width,
            image,
            ...(crf === undefined ? {} : { crf }),
          }),
        );
        await visit(photo, map);
      }
      onProgress({ stage: 'linear probe', done: done + 1, total: photos.length, unit: 'photos' });
    }
  } finally {
    await drawer.close();
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
