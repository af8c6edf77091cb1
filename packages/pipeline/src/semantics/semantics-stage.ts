/** Fourth stage: 27 semantic clusters for every pixel. */
import { availableParallelism } from 'node:os';
import { mapOrdered, rleArea, rleToString, WorkerPool, type OnProgress, type RgbImage } from '@u2seg/core';
import { interpolateNearest, masksOfIds, resizePillow } from '@u2seg/datasets';
import { PartitionedTable, semanticsTable, type SemanticRow } from '@u2seg/interchange';
import type { StegoCrf } from '@u2seg/self-train';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { FeatureStore, toFeatures } from './feature-store.ts';
import { hashOf } from '../run/hash.ts';
import { decodePhoto, photosOf, type PhotoIndex } from '../photos/photo-index.ts';
import { openCropFeatures } from './crop-features.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import type { SemanticCrfJob } from './semantic-crf-worker.ts';
import { assertSoundSemantics } from '../run/sound-labels.ts';
import { kMeansMapper, semanticModelPath, stegoMapper, type SemanticMapper } from './semantic-maps.ts';
import { missingPartitions } from '../run/partitions.ts';

const summarySchema = z.object({ clusters: z.number(), pixels: z.array(z.number()) });

export interface SemanticTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly semantics: PartitionedTable<SemanticRow>;
  /** Pixels per cluster over all photos. */
  readonly summary: z.infer<typeof summarySchema>;
  /** What drew the maps; its file is there unless the method is `none`. */
  readonly model: SemanticModel;
}

/** File of a trained STEGO, or of centroids. */
export interface SemanticModel {
  readonly path: string;
  readonly inputsHash: string;
}

export async function segmentAll(
  run: RunDirectory,
  index: PhotoIndex,
  tables: ProposalTables,
  config: PipelineConfig,
  onProgress: OnProgress,
  /** Model of another run that did this on other photos; nothing is trained then. */
  trained?: SemanticModel,
): Promise<SemanticTables> {
  const settings = config.semantics;
  const crops = settings.method === 'stego' && settings.fiveCrop && trained === undefined;
  // Runs that cut crops from the photos' features, as earlier versions did, are not taken for these.
  const own = hashOf(tables.inputsHash, settings, config.seed, ...(crops ? ['crops of photos'] : []));
  const inputsHash = trained === undefined ? own : hashOf(own, trained.inputsHash);
  const model = trained ?? { path: semanticModelPath(run.folder, settings.method, inputsHash), inputsHash };
  const { partitions } = tables;
  const semantics = new PartitionedTable(run.path('stages', 'semantics', 'semantics'), semanticsTable, inputsHash);
  const done = await run.finished('semantics', inputsHash, summarySchema);
  if (done !== undefined) return { inputsHash, partitions, semantics, summary: done, model };
  const missing = await missingPartitions(semantics, partitions);
  if (settings.method === 'none') {
    for (const p of missing) await semantics.write(p, []);
  } else if (missing.length > 0) {
    const store = crops
      ? await openCropFeatures(run, index, tables, config, onProgress)
      : await FeatureStore.open(tables.features, tables.backbone.dim);
    const open = settings.method === 'stego' ? stegoMapper : kMeansMapper;
    const mapper = await open(model.path, store, config, onProgress, trained !== undefined);
    // From here on the photos come in order, a partition at a time.
    store.clear();
    const crfs = settings.crf
      ? new WorkerPool<SemanticCrfJob, Uint8Array>(new URL('./semantic-crf-worker.ts', import.meta.url), {
          size: availableParallelism(),
        })
      : undefined;
    try {
      let count = 0;
      for (const p of missing) {
        const rows: SemanticRow[] = [];
        const photos = await tables.features.read(p);
        const inPartition = photosOf(index, p);
        const work = async (row: (typeof photos)[number]): Promise<SemanticRow[]> => {
          const image = await decodePhoto(
            index.folder,
            inPartition.find(({ image_id: id }) => id === row.image_id)!,
            config.photos,
          );
          return regions(row.image_id, image, mapper, toFeatures(row, tables.backbone.dim), settings.maxSide, crfs);
        };
        for await (const found of mapOrdered(photos, availableParallelism() + 1, work)) {
          rows.push(...found);
          count += 1;
          onProgress({ stage: 'semantics', done: count, total: tables.counts.photos, unit: 'photos' });
        }
        await semantics.write(p, rows);
      }
    } finally {
      await crfs?.close();
      mapper.dispose();
    }
  }
  await semantics.finish(partitions);
  const pixels: number[] = Array.from({ length: settings.clusters }, () => 0);
  for await (const row of semantics.rows(partitions)) pixels[row.cluster_id]! += row.area_px;
  const summary = { clusters: settings.clusters, pixels };
  if (trained === undefined && !config.proposals.acceptBroken) assertSoundSemantics(pixels, tables.counts.photos);
  await run.finish('semantics', inputsHash, summary);
  return { inputsHash, partitions, semantics, summary, model };
}

async function regions(
  imageId: string,
  image: RgbImage,
  mapper: SemanticMapper,
  features: Parameters<SemanticMapper['map']>[0],
  maxSide: number,
  crfs: WorkerPool<SemanticCrfJob, Uint8Array> | undefined,
): Promise<SemanticRow[]> {
  const { height, width } = image;
  const scale = maxSide === 0 ? 1 : Math.min(1, maxSide / Math.max(height, width));
  const work =
    scale === 1
      ? image
      : resizePillow(
          image,
          Math.max(1, Math.round(height * scale)),
          Math.max(1, Math.round(width * scale)),
          'bilinear',
        );
  const crf: StegoCrf | undefined =
    crfs === undefined
      ? undefined
      : async (picture, logProbabilities, labels) =>
          crfs.run({ image: picture, logProbabilities, labels }, [logProbabilities.buffer as ArrayBuffer]);
  const labels = Int32Array.from(await mapper.map(features, work, crf));
  const full =
    work === image
      ? labels
      : interpolateNearest(labels, { channels: 1, height: work.height, width: work.width }, height, width);
  const masks = masksOfIds({ ids: Uint32Array.from(full), height, width });
  return [...masks]
    .sort(([a], [b]) => a - b)
    .map(([cluster, mask]) => ({
      image_id: imageId,
      cluster_id: cluster,
      mask_height: height,
      mask_width: width,
      mask_rle: rleToString(mask),
      area_px: rleArea(mask),
    }));
}
