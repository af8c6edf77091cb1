/** Ninth stage: what the trained network says about every photo. */
import type { OnProgress, RgbImage, Segment } from '@u2seg/core';
import {
  PartitionedTable,
  predictionsTable,
  segmentsTable,
  type PredictionRow,
  type SegmentRow,
} from '@u2seg/interchange';
import { mergePanoptic, type PanopticPrediction } from '@u2seg/self-train';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import type { TrainedContours } from '../contours/contour-stage.ts';
import { hashOf } from '../run/hash.ts';
import { segmentRows } from '../tables/segment-rows.ts';
import { decodePhoto, photosOf, type PhotoIndex } from '../photos/photo-index.ts';
import type { PredictionSources, SemanticMap } from './prediction-sources.ts';
import { predictWithViews } from '../networks/predict-with-views.ts';
import { openInferenceEngine, type EngineChoice, type InferenceEngine } from './inference-engine.ts';
import type { ModelInfo } from '../networks/model-file.ts';
import { maskColumns } from '../tables/mask-rows.ts';
import { joinRegions } from './join-regions.ts';
import { refineInstances } from './refine-instances.ts';
import { openRegionSource, type RegionSource } from './region-source.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { suppressAcrossClusters } from './suppress-across-clusters.ts';

const summarySchema = z.object({
  photos: z.number(),
  instances: z.number(),
  segments: z.number(),
  photosWithoutInstances: z.number(),
});

export interface PredictionTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly predictions: PartitionedTable<PredictionRow>;
  readonly segments: PartitionedTable<SegmentRow>;
  readonly summary: z.infer<typeof summarySchema>;
}

export interface PredictAllOptions {
  /** What runs the network; by default TensorFlow.js, which trained it. Runs of different choices are kept apart. */
  readonly engine?: EngineChoice;
  /** Told which engine runs, when there is something to run. */
  readonly onEngine?: (description: string) => void;
  /** Clusters of the instances and maps below them, where they are not the network's. */
  readonly sources?: PredictionSources;
  /** Contours the regions are found with; by colour alone without them. */
  readonly contours?: Pick<TrainedContours, 'path' | 'inputsHash'>;
}

type PredictConfig = Pick<PipelineConfig, 'photos' | 'backbone' | 'proposals' | 'predict' | 'train'>;

/** @param name - of the stage, so that predictions of several models can lie in one run */
export async function predictAll(
  run: RunDirectory,
  name: string,
  index: PhotoIndex,
  model: { readonly path: string; readonly identity: string },
  config: PredictConfig,
  onProgress: OnProgress,
  options: PredictAllOptions = {},
): Promise<PredictionTables> {
  const regions = await openRegionSource(config, options.contours);
  try {
    return await predictWith(run, name, index, model, config, onProgress, { ...options, ...(regions && { regions }) });
  } finally {
    await regions?.dispose();
  }
}

async function predictWith(
  run: RunDirectory,
  name: string,
  index: PhotoIndex,
  model: { readonly path: string; readonly identity: string },
  config: PredictConfig,
  onProgress: OnProgress,
  options: PredictAllOptions & { readonly regions?: RegionSource },
): Promise<PredictionTables> {
  const { engine: choice = 'tfjs', sources, regions } = options;
  const chosen = [choice === 'tfjs' ? undefined : choice, sources?.identity, regions?.identity].filter(
    (part) => part !== undefined,
  );
  const inputsHash = hashOf(index.dataHash, model.identity, config.photos, config.predict, ...chosen);
  const partitions = Math.ceil(index.photos.length / photosPerPartition);
  const predictions = new PartitionedTable(run.path('stages', name, 'predictions'), predictionsTable, inputsHash);
  const segments = new PartitionedTable(run.path('stages', name, 'segments'), segmentsTable, inputsHash);
  const done = await run.finished(name, inputsHash, summarySchema);
  if (done !== undefined) return { inputsHash, partitions, predictions, segments, summary: done };
  const present = await segments.present();
  if (present.size < partitions) {
    const engine = await openInferenceEngine(model.path, choice, config.train.backend, config.predict.precision);
    options.onEngine?.(engine.description);
    let count = present.size * photosPerPartition;
    try {
      for (let p = 0; p < partitions; p += 1) {
        if (present.has(p)) continue;
        const rows: { predictions: PredictionRow[]; segments: SegmentRow[] } = { predictions: [], segments: [] };
        for (const photo of photosOf(index, p)) {
          const image = await decodePhoto(index.folder, photo, config.photos);
          const prediction = await predictPhoto(engine, image, config.predict);
          const distinct = suppressAcrossClusters(prediction.instances, config.predict.maxClusterOverlap);
          const refined = config.predict.crf ? refineInstances(image, distinct) : distinct;
          const found = regions === undefined ? refined : joinRegions(refined, await regions.propose(image));
          const instances = (await sources?.name?.(image, found)) ?? found;
          rows.predictions.push(...predictionRows(photo.image_id, instances));
          const least = config.predict.minPanopticScore;
          rows.segments.push(
            ...(sources === undefined
              ? panopticRows(photo.image_id, prediction, engine.info, least)
              : mergedRows(photo.image_id, instances, await sources.stuff(photo, p), sources.stuffClusters, least)),
          );
          count += 1;
          onProgress({
            stage: name,
            done: Math.min(count, index.photos.length),
            total: index.photos.length,
            unit: 'photos',
          });
        }
        await predictions.write(p, rows.predictions);
        await segments.write(p, rows.segments);
      }
    } finally {
      await engine.dispose();
    }
  }
  await predictions.finish(partitions);
  await segments.finish(partitions);
  const found = new Set<string>();
  let [instanceCount, segmentCount] = [0, 0];
  for await (const row of predictions.rows(partitions)) {
    instanceCount += 1;
    found.add(row.image_id);
  }
  for (const { rows } of (await segments.manifest())!.partitions) segmentCount += rows;
  const photos = index.photos.length;
  const summary = {
    photos,
    instances: instanceCount,
    segments: segmentCount,
    photosWithoutInstances: photos - found.size,
  };
  await run.finish(name, inputsHash, summary);
  return { inputsHash, partitions, predictions, segments, summary };
}

/** One look at a photo, or several that are joined. */
function predictPhoto(
  engine: InferenceEngine,
  image: RgbImage,
  look: PipelineConfig['predict'],
): Promise<PanopticPrediction> {
  return predictWithViews({ infer: engine.infer.bind(engine), config: engine.info.network }, image, look);
}

export function predictionRows(imageId: string, instances: readonly Segment[]): PredictionRow[] {
  return instances.map((one, i) => ({
    image_id: imageId,
    prediction_id: i,
    cluster_id: one.clusterId,
    ...maskColumns(one),
  }));
}

/** The panoptic map as rows; a network without a semantic branch gives its instances, the surest on top. */
export function panopticRows(
  imageId: string,
  prediction: PanopticPrediction,
  info: Pick<ModelInfo, 'stuff'>,
  minScore: number,
): SegmentRow[] {
  const { height, width, instances, panoptic } = prediction;
  if (panoptic === undefined) {
    const nothing = { data: new Int32Array(height * width).fill(-1), height, width };
    return mergedRows(imageId, instances, nothing, info.stuff, minScore);
  }
  const scores = new Map(panoptic.segments.map(({ id, score }) => [id, score ?? 1]));
  const segments = panoptic.segments.map(({ id, isThing, category, area }) => ({
    id,
    isThing,
    clusterId: isThing ? category : category - 1,
    area,
  }));
  const rows = segmentRows(imageId, { height, width, ids: Uint32Array.from(panoptic.ids), segments }, []);
  return rows.map((row) => ({ ...row, score: scores.get(row.segment_id)! }));
}

/** Instances over a semantic map, the surest on top; an instance that is hidden by more than half is left out. */
function mergedRows(
  imageId: string,
  instances: readonly Segment[],
  { data, height, width }: SemanticMap,
  stuffClusters: number,
  minScore: number,
): SegmentRow[] {
  const options = { order: 'score', minScore, maxOverlapRatio: 0.5, stuffClusters } as const;
  return segmentRows(imageId, mergePanoptic(instances, data, height, width, options), instances);
}
