/** Ways to give every pixel a semantic cluster: STEGO's trained head, or k-means on the features as they are. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { kMeans, normalizeRows } from '@u2seg/clustering';
import {
  deriveSeed,
  permutation,
  resampleBilinear,
  seededRng,
  writeFileAtomic,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import { readSafetensors, writeSafetensors } from '@u2seg/interchange';
import { loadStegoModel, segmentStego, trainStego, type StegoCrf, type StegoPresetName } from '@u2seg/self-train';
import { shortHash } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { FeatureStore } from './feature-store.ts';

/** Steps between two checkpoints of STEGO, which overwrite one another. */
const checkpointEvery = 100;

/** Cluster of every pixel of a photo. */
export interface SemanticMapper {
  /** [H, W] of `image`, in [0, clusters). */
  map(features: PatchFeatures, image: RgbImage, crf: StegoCrf | undefined): Promise<ArrayLike<number>>;
  dispose(): void;
}

/** Where the model of a run's semantic maps lies. */
export function semanticModelPath(runFolder: string, method: string, inputsHash: string): string {
  return join(runFolder, 'stages', 'semantics', `${method}-${shortHash(inputsHash)}.safetensors`);
}

type MapperContext = Pick<StageContext, 'config' | 'onProgress'>;

export interface MapperOptions {
  /** File of the model. */
  readonly path: string;
  /** Features of the photos, or of their crops. */
  readonly store: FeatureStore;
  /** Whether the file is finished and is only read. */
  readonly finished?: boolean;
}

/** Trains STEGO on stored features, from its last checkpoint where there is one. */
export async function stegoMapper(
  context: MapperContext,
  { path, store, finished = false }: MapperOptions,
): Promise<SemanticMapper> {
  await loadTfBackend(context.config.train.backend);
  if (!finished) await trainStegoFile(context, { path, store });
  // Read back, so that a run that trained and a run that found the file go on from the same bytes.
  const model = loadStegoModel(new Uint8Array(await readFile(path)), path);
  return {
    map: async (features, image, crf) => {
      const { height, width } = image;
      const options = { height, width, image, ...(crf === undefined ? {} : { crf }) };
      return (await segmentStego(model, features, options)).labels;
    },
    dispose: () => model.dispose(),
  };
}

async function trainStegoFile(
  { config: { semantics, seed }, onProgress }: MapperContext,
  { path, store }: MapperOptions,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const resume = await readFile(path).catch(() => undefined);
  const { model } = await trainStego(store, {
    preset: semantics.preset as StegoPresetName,
    correspondence: { zeroClamp: semantics.zeroClamp, pointwise: semantics.centering },
    steps: semantics.steps,
    batchSize: semantics.batchSize,
    codeDim: semantics.codeDim,
    classes: semantics.clusters,
    seed: deriveSeed(seed, 'stego'),
    checkpointEvery,
    onCheckpoint: async (bytes) => writeFileAtomic(path, bytes),
    onProgress,
    ...(resume === undefined ? {} : { resume: new Uint8Array(resume) }),
  });
  model.dispose();
}

/** Most feature vectors k-means looks at; drawn at random beyond. */
const maxSamples = 100_000;
/** Sharpness of the log-probabilities handed to the CRF, as for STEGO. */
const alpha = 2;

/** Spherical k-means on the patch features: the baseline STEGO improves on. */
export async function kMeansMapper(
  { config: { semantics, seed }, onProgress }: MapperContext,
  { path, store }: MapperOptions,
): Promise<SemanticMapper> {
  const { dim } = store;
  let centroids: Float32Array;
  const existing = await readFile(path).catch(() => undefined);
  if (existing === undefined) {
    const points = await samplePatches(store, seed);
    const n = points.length / dim;
    const k = Math.min(semantics.clusters, n);
    const result = await kMeans(normalizeRows(points, n, dim, points), {
      dim,
      n,
      k,
      metric: 'spherical',
      seed: deriveSeed(seed, 'semantic k-means'),
      onProgress,
    });
    centroids = result.centroids;
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(
      path,
      writeSafetensors([{ name: 'centroids', dtype: 'float32', shape: [k, dim], data: centroids }]),
    );
  } else {
    centroids = readSafetensors(new Uint8Array(existing), path).tensors[0]!.data as Float32Array;
  }
  const k = centroids.length / dim;
  return {
    map: async (features, image, crf) => {
      const cosines = cosineMaps(features, centroids, k);
      const { height, width } = image;
      const full = resampleBilinear(
        cosines,
        { channels: k, height: features.gridH, width: features.gridW },
        height,
        width,
      );
      return crf === undefined ? largest(full, k, height * width) : crf(image, logSoftmax(full, k, height * width), k);
    },
    dispose: () => undefined,
  };
}

/** [n, D] patches drawn evenly from the photos, n at most `maxSamples`; with more photos than that, one of each of so many. */
async function samplePatches(store: FeatureStore, seed: number): Promise<Float32Array> {
  const { dim } = store;
  const photos = Math.min(store.count, maxSamples);
  const perPhoto = Math.floor(maxSamples / Math.max(1, photos));
  const chunks: Float32Array[] = [];
  let total = 0;
  for (let i = 0; i < photos; i += 1) {
    const photo = Math.floor((i * store.count) / photos);
    const { data, gridH, gridW } = await store.read(photo);
    const cells = permutation(gridH * gridW, seededRng(deriveSeed(seed, 'semantic samples', photo))).slice(0, perPhoto);
    const chunk = new Float32Array(cells.length * dim);
    cells.forEach((cell, at) => chunk.set(data.subarray(cell * dim, (cell + 1) * dim), at * dim));
    chunks.push(chunk);
    total += chunk.length;
  }
  const points = new Float32Array(total);
  let at = 0;
  // Freed one by one, so that the samples are not held twice.
  for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
    points.set(chunk, at);
    at += chunk.length;
  }
  return points;
}

/** [K, gridH, gridW] */
function cosineMaps({ data, gridH, gridW, dim }: PatchFeatures, centroids: Float32Array, k: number): Float32Array {
  const cells = gridH * gridW;
  const unit = normalizeRows(data, cells, dim);
  const out = new Float32Array(k * cells);
  for (let c = 0; c < k; c += 1) {
    for (let cell = 0; cell < cells; cell += 1) {
      let sum = 0;
      for (let j = 0; j < dim; j += 1) sum += unit[cell * dim + j]! * centroids[c * dim + j]!;
      out[c * cells + cell] = sum;
    }
  }
  return out;
}

function largest(maps: Float32Array, k: number, pixels: number): Uint16Array {
  const labels = new Uint16Array(pixels);
  for (let i = 0; i < pixels; i += 1) {
    let best = 0;
    for (let c = 1; c < k; c += 1) if (maps[c * pixels + i]! > maps[best * pixels + i]!) best = c;
    labels[i] = best;
  }
  return labels;
}

function logSoftmax(maps: Float32Array, k: number, pixels: number): Float32Array {
  const out = new Float32Array(maps.length);
  for (let i = 0; i < pixels; i += 1) {
    let sum = 0;
    for (let c = 0; c < k; c += 1) sum += Math.exp(alpha * maps[c * pixels + i]!);
    const log = Math.log(sum);
    for (let c = 0; c < k; c += 1) out[c * pixels + i] = alpha * maps[c * pixels + i]! - log;
  }
  return out;
}
