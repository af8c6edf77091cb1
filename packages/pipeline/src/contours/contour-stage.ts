/** A contour network learns from scenes made of the proposals; regions of photos to predict are found with it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveSeed, encodeMask, decodeMask, permutation, seededRng, type RgbImage, type Rle } from '@u2seg/core';
import { ContourNetwork, contourNetworkDefaults, loadTfBackend } from '@u2seg/heads';
import { readJsonFile, type ProposalRow } from '@u2seg/interchange';
import { proposeObjectsDefaults, type ContourMap } from '@u2seg/maskcut';
import { resizeNearest, workingImage } from '@u2seg/maskcut/internal';
import { readCurve, SceneComposer, trainContours, type CurvePoint, type PhotoRegions } from '@u2seg/self-train';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { readContourNetwork, writeContourNetwork } from './contour-file.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import { stageContext } from '../photos/index-photos.ts';
import { proposeStage, type ProposalTables } from '../propose/propose-stage.ts';
import { hashOf } from '../run/hash.ts';
import { curveWarnings } from '../run/health.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { photosOf } from '../run/photo-index.ts';
import { runStage, stageFolder } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Stage } from '../run/stage.ts';
import { describeCurve, trainStage } from '../train/train-stage.ts';
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

/** Trains what finds the contours of regions at prediction; nothing comes of it where no proposal lends itself to a scene. */
export const contourStage: Stage<TrainedContours> = {
  name: 'contours',
  title: 'Contours',
  needs: [proposeStage, trainStage],
  command: { name: 'contours', description: 'train what finds the contours of regions at prediction' },
  wanted: (config) => wantsContours(config),
  run: (context) => trainContourStage(stageContext(context), { proposals: context.results.of(proposeStage) }),
  describe: ({ curve }) => describeCurve(curve),
  nothing: 'no region to learn them from: colour alone',
  reportLines: (results) => {
    const { curve, summary } = results.of(contourStage);
    return [
      {
        items: curve.length,
        detail: `iterations on scenes of ${summary.regions} regions of ${summary.photos} photos`,
      },
    ];
  },
  summary: (results) => {
    const trained = results.get(contourStage);
    if (trained === undefined) return undefined;
    const { summary, curve } = trained;
    return { ...summary, firstLoss: curve[0]?.total, lastLoss: curve.at(-1)?.total };
  },
  warnings: (results) => curveWarnings('contours', results.of(contourStage).curve),
  smoke: { contours: { iterations: 2, batchSize: 2, size: 64 } },
};

/** Whether a configuration has regions at prediction that learned contours can help. */
export function wantsContours({ contours, predict, proposals }: PipelineConfig): boolean {
  const colourOnly = proposals.method !== 'objects' || proposals.component !== undefined;
  return contours.iterations > 0 && predict.regions > 0 && !colourOnly;
}

/**
 * Trains the contour network on scenes made of the proposals.
 *
 * @returns undefined where no proposal lends itself to a scene: there is nothing to learn from
 * @throws U2SegError as `trainContours`
 */
export async function trainContourStage(
  context: StageContext,
  { proposals }: { readonly proposals: ProposalTables },
): Promise<TrainedContours | undefined> {
  const { run, config, onProgress } = context;
  const { checkpointEvery, maxPhotos, ...recipe } = config.contours;
  const inputsHash = hashOf(
    proposals.inputsHash,
    config.photos,
    recipe,
    maxPhotos,
    config.seed,
    contourNetworkDefaults,
  );
  const folder = stageFolder(run.folder, 'contours', inputsHash);
  const path = fileIn(folder);
  const work = async (): Promise<TrainedContours['summary']> => {
    const photos = await photosWithRegions(context, proposals);
    const regions = photos.reduce((sum, photo) => sum + photo.regions.length, 0);
    if (regions === 0) return { photos: photos.length, regions, iterations: 0 };
    await loadTfBackend(config.train.backend);
    await mkdir(folder, { recursive: true });
    const network = ContourNetwork.create(contourNetworkDefaults, { seed: deriveSeed(config.seed, 'contours') });
    try {
      const seed = deriveSeed(config.seed, 'scenes');
      const options = { ...recipe, seed, folder, checkpointEvery, onProgress };
      await trainContours(network, new SceneComposer(photos), options);
      await writeContourNetwork(path, network);
    } finally {
      network.dispose();
    }
    return { photos: photos.length, regions, iterations: recipe.iterations };
  };
  const summary = await runStage(context, { name: 'contours', inputsHash, result: finishedSchema, work });
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
  return { path: fileIn(stageFolder(folder, 'contours', inputsHash)), inputsHash, summary: result };
}

const stageRecord = z.object({ inputsHash: z.string(), result: finishedSchema });

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
  { index, config: { contours, photos, seed } }: StageContext,
  proposals: ProposalTables,
): Promise<PhotoRegions[]> {
  const count = Math.min(contours.maxPhotos, index.photos.length);
  const chosen = new Set(Array.from({ length: count }, (_, i) => Math.floor((i * index.photos.length) / count)));
  const found: PhotoRegions[] = [];
  for (let p = 0; p < proposals.partitions; p += 1) {
    const rows = photosOf(index, p).filter((_, i) => chosen.has(p * photosPerPartition + i));
    if (rows.length === 0) continue;
    const masks = byPhoto(await proposals.proposals.read(p));
    for (const row of rows) {
      const image = workingImage(await decodePhoto(index.folder, row, photos), proposeObjectsDefaults.maxPixels);
      const drawSeed = deriveSeed(seed, 'outlines', row.image_id);
      found.push({ image, regions: outlines(masks.get(row.image_id) ?? [], image, drawSeed) });
    }
  }
  return found;
}

/** The best proposals of a photo, and some drawn from the others, at the size of `image`. */
function outlines(rows: readonly ProposalRow[], image: RgbImage, seed: number): Rle[] {
  const ranked = rows.map(toProposal).sort((a, b) => b.score - a.score);
  const others = ranked.slice(regionsEach);
  const drawn = permutation(others.length, seededRng(seed));
  return [...ranked.slice(0, regionsEach), ...Array.from(drawn.subarray(0, regionsEach), (i) => others[i]!)]
    .filter(({ mask, area }) => {
      const share = area / (mask.height * mask.width);
      return share >= leastArea && share <= mostArea;
    })
    .map(({ mask }) => resized(mask, image.height, image.width));
}

function resized(mask: Rle, height: number, width: number): Rle {
  const { data } = decodeMask(mask);
  return encodeMask({ data: resizeNearest(data, mask.height, mask.width, height, width), height, width });
}
