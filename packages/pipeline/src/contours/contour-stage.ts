/** Eighth stage: a contour network learns from scenes made of the proposals; regions of photos to predict are found with it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  deriveSeed,
  encodeMask,
  decodeMask,
  permutation,
  seededRng,
  type OnProgress,
  type RgbImage,
  type Rle,
} from '@u2seg/core';
import { ContourNetwork, contourNetworkDefaults, loadTfBackend } from '@u2seg/heads';
import { readJsonFile, type ImageRow, type ProposalRow } from '@u2seg/interchange';
import { proposeObjectsDefaults, resizeNearest, workingImage, type ContourMap } from '@u2seg/maskcut';
import { readCurve, SceneComposer, trainContours, type CurvePoint, type PhotoRegions } from '@u2seg/self-train';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { readContourNetwork, writeContourNetwork } from './contour-file.ts';
import { hashOf } from '../run/hash.ts';
import { decodePhoto, type PhotoIndex } from '../photos/photo-index.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { byPhoto, toProposal } from '../tables/mask-rows.ts';

/** Regions of a photo that lend scenes their outlines: so many of the best, and as many drawn from the others. */
const regionsEach = 5;
/** Share of the photo such a region has, at least and at most. */
const [leastArea, mostArea] = [0.01, 0.5];

const finishedSchema = z.object({ photos: z.number(), regions: z.number(), iterations: z.number() });

export interface TrainedContours {
  readonly inputsHash: string;
  readonly path: string;
  readonly curve: readonly CurvePoint[];
  /** What the scenes were made of. */
  readonly summary: z.infer<typeof finishedSchema>;
}

/** Whether a configuration has regions at prediction that learned contours can help. */
export function wantsContours({ contours, predict, proposals }: PipelineConfig): boolean {
  const colourOnly = proposals.method !== 'objects' || proposals.component !== undefined;
  return contours.iterations > 0 && predict.regions > 0 && !colourOnly;
}

/**
 * @returns undefined where no proposal lends itself to a scene: there is nothing to learn from
 * @throws U2SegError as `trainContours`
 */
export async function trainContourStage(
  run: RunDirectory,
  index: PhotoIndex,
  proposals: ProposalTables,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<TrainedContours | undefined> {
  const { checkpointEvery, maxPhotos, ...recipe } = config.contours;
  const inputsHash = hashOf(
    proposals.inputsHash,
    config.photos,
    recipe,
    maxPhotos,
    config.seed,
    contourNetworkDefaults,
  );
  const folder = run.path('stages', 'contours', folderName(inputsHash));
  const path = fileIn(folder);
  let summary = await run.finished('contours', inputsHash, finishedSchema);
  if (summary === undefined) {
    const photos = await photosWithRegions(index, proposals, config);
    const regions = photos.reduce((sum, photo) => sum + photo.regions.length, 0);
    summary = { photos: photos.length, regions, iterations: regions === 0 ? 0 : recipe.iterations };
    if (regions > 0) {
      await loadTfBackend(config.train.backend);
      await mkdir(folder, { recursive: true });
      const network = ContourNetwork.create(contourNetworkDefaults, { seed: deriveSeed(config.seed, 'contours') });
      try {
        const seed = deriveSeed(config.seed, 'scenes');
        await trainContours(network, new SceneComposer(photos), {
          ...recipe,
          seed,
          folder,
          checkpointEvery,
          onProgress,
        });
        await writeContourNetwork(path, network);
      } finally {
        network.dispose();
      }
    }
    await run.finish('contours', inputsHash, summary);
  }
  if (summary.regions === 0) return undefined;
  return { inputsHash, path, curve: await readCurve(`${folder}/curve.jsonl`), summary };
}

/** The contour network of a finished run folder; undefined where none was trained. @throws U2SegError as `readJsonFile` */
export async function findContours(
  folder: string,
): Promise<Pick<TrainedContours, 'path' | 'inputsHash' | 'summary'> | undefined> {
  const record = await readJsonFile(join(folder, 'stages', 'contours', 'stage.json'), stageRecord);
  if (record === undefined || record.result.regions === 0) return undefined;
  const { inputsHash, result } = record;
  return { path: fileIn(join(folder, 'stages', 'contours', folderName(inputsHash))), inputsHash, summary: result };
}

const stageRecord = z.object({ inputsHash: z.string(), result: finishedSchema });

function folderName(inputsHash: string): string {
  return inputsHash.slice(0, 12);
}

function fileIn(folder: string): string {
  return join(folder, 'contours.safetensors');
}

/** What finds contours on a photo. */
export interface ContourSource {
  /** [height, width] probabilities on the copy of the photo that regions are found on. */
  readonly find: (image: RgbImage) => ContourMap;
  readonly dispose: () => void;
}

/** @throws U2SegError as {@link readContourNetwork} */
export async function openContours(path: string, backend: PipelineConfig['train']['backend']): Promise<ContourSource> {
  await loadTfBackend(backend);
  const network = await readContourNetwork(path);
  return {
    find: (image) => {
      const work = workingImage(image, proposeObjectsDefaults.maxPixels);
      return { data: network.predict(work), height: work.height, width: work.width };
    },
    dispose: () => network.dispose(),
  };
}

/** At most `contours.maxPhotos` photos, evenly spread, at the size regions are found on, with regions for outlines. */
async function photosWithRegions(
  index: PhotoIndex,
  proposals: ProposalTables,
  { contours, photos, seed }: PipelineConfig,
): Promise<PhotoRegions[]> {
  const count = Math.min(contours.maxPhotos, index.photos.length);
  const chosen = new Set(Array.from({ length: count }, (_, i) => Math.floor((i * index.photos.length) / count)));
  const found: PhotoRegions[] = [];
  for (let p = 0; p < proposals.partitions; p += 1) {
    const first = p * photosPerPartition;
    const rows = index.photos.slice(first, first + photosPerPartition).filter((_, i) => chosen.has(first + i));
    if (rows.length === 0) continue;
    const masks = byPhoto(await proposals.proposals.read(p));
    for (const row of rows) found.push(await photoWithRegions(index, row, masks.get(row.image_id) ?? [], photos, seed));
  }
  return found;
}

async function photoWithRegions(
  index: PhotoIndex,
  row: ImageRow,
  rows: readonly ProposalRow[],
  photos: PipelineConfig['photos'],
  seed: number,
): Promise<PhotoRegions> {
  const image = workingImage(await decodePhoto(index.folder, row, photos), proposeObjectsDefaults.maxPixels);
  const ranked = rows.map(toProposal).sort((a, b) => b.score - a.score);
  const others = ranked.slice(regionsEach);
  const drawn = permutation(others.length, seededRng(deriveSeed(seed, 'outlines', row.image_id)));
  const regions = [...ranked.slice(0, regionsEach), ...Array.from(drawn.subarray(0, regionsEach), (i) => others[i]!)]
    .filter(({ mask, area }) => {
      const share = area / (mask.height * mask.width);
      return share >= leastArea && share <= mostArea;
    })
    .map(({ mask }) => resized(mask, image.height, image.width));
  return { image, regions };
}

function resized(mask: Rle, height: number, width: number): Rle {
  const { data } = decodeMask(mask);
  return encodeMask({ data: resizeNearest(data, mask.height, mask.width, height, width), height, width });
}
