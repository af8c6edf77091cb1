/** What the trained network says about every photo. */
import type { RgbImage, Segment } from '@u2seg/core';
import {
  PartitionedTable,
  predictionsTable,
  segmentsTable,
  type PredictionRow,
  type SegmentRow,
} from '@u2seg/interchange';
import { mergePanoptic, type PanopticPrediction } from '@u2seg/self-train';
import { z } from 'zod';
import { clusterStage, thingClasses } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { contourStage, type TrainedContours } from '../contours/contour-stage.ts';
import { exportLabels } from '../merge/export-labels.ts';
import { predictWithViews } from '../networks/predict-with-views.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import { stageContext } from '../photos/index-photos.ts';
import { hashOf } from '../run/hash.ts';
import { predictionWarnings } from '../run/health.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { numPartitions, photosOf } from '../run/photo-index.ts';
import { fillPartitions, runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { FitContext, Stage } from '../run/stage.ts';
import { semanticsStage } from '../semantics/semantics-stage.ts';
import { maskColumns } from '../tables/mask-rows.ts';
import { segmentRows } from '../tables/segment-rows.ts';
import { finalModel, trainStage } from '../train/train-stage.ts';
import { openInferenceEngine, type EngineChoice, type InferenceEngine } from './inference-engine.ts';
import { joinRegions } from './join-regions.ts';
import { openPredictionSources, type PredictionSources, type SemanticMap } from './prediction-sources.ts';
import { refineInstances } from './refine-instances.ts';
import { openRegionSource, type RegionSource } from './region-source.ts';
import { suppressAcrossClusters } from './suppress-across-clusters.ts';

/** An instance that is hidden by more than this share of itself is no part of the panoptic map. */
const maxHiddenRatio = 0.5;

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

/** Predicts every photo, and writes the predictions for the outside world. */
export const predictStage: Stage<PredictionTables> = {
  name: 'predict',
  title: 'Predictions',
  needs: [clusterStage, semanticsStage, trainStage],
  run: (context) => predictRun(context),
  describe: ({ summary }) => `${summary.instances} instances, ${summary.segments} panoptic segments`,
  reportLines: (results) => {
    const { instances, segments } = results.of(predictStage).summary;
    return [{ items: instances, detail: `instances, ${segments} panoptic segments` }];
  },
  summary: (results) => results.get(predictStage)?.summary,
  warnings: (results) => predictionWarnings(results.of(predictStage).summary),
  smoke: { predict: { scales: [1], shortestEdge: 96, maxSize: 128 } },
};

async function predictRun(context: FitContext): Promise<PredictionTables> {
  const { results, config } = context;
  const stage = stageContext(context);
  const instances = results.of(clusterStage);
  const { path, inputsHash: identity } = finalModel(results) ?? results.of(trainStage);
  const contours = results.get(contourStage);
  const sources = await openPredictionSources(config, instances, results.of(semanticsStage));
  const found = await predictAll(stage, {
    model: { path, identity },
    ...(sources === undefined ? {} : { sources }),
    ...(contours === undefined ? {} : { contours }),
  }).finally(() => sources?.dispose());
  await exportLabels(stage, {
    name: 'predictions',
    from: found,
    things: thingClasses(instances),
    stuff: config.semantics.clusters,
  });
  return found;
}

export interface PredictAllOptions {
  /** File of the network, and a hash that tells it from others. */
  readonly model: { readonly path: string; readonly identity: string };
  /** What runs the network; by default TensorFlow.js, which trained it. Runs of different choices are kept apart. */
  readonly engine?: EngineChoice;
  /** Told which engine runs, when there is something to run. */
  readonly onEngine?: (description: string) => void;
  /** Clusters of the instances and maps below them, where they are not the network's. */
  readonly sources?: PredictionSources;
  /** Contours the regions are found with; by colour alone without them. */
  readonly contours?: Pick<TrainedContours, 'path' | 'inputsHash'>;
}

/**
 * Runs a network over all photos.
 *
 * @throws U2SegError `not-found` or `bad-format` for a model that cannot be read
 */
export async function predictAll(context: StageContext, options: PredictAllOptions): Promise<PredictionTables> {
  const regions = await openRegionSource(context.config, options.contours);
  try {
    return await predictWith(context, { ...options, ...(regions && { regions }) });
  } finally {
    await regions?.dispose();
  }
}

type PredictWithOptions = PredictAllOptions & { readonly regions?: RegionSource };

async function predictWith(context: StageContext, options: PredictWithOptions): Promise<PredictionTables> {
  const { run, index, config } = context;
  const { model, engine: choice = 'tfjs', sources, regions } = options;
  const chosen = [choice === 'tfjs' ? undefined : choice, sources?.identity, regions?.identity].filter(
    (part) => part !== undefined,
  );
  const inputsHash = hashOf(index.dataHash, model.identity, config.photos, config.predict, ...chosen);
  const partitions = numPartitions(index);
  const predictions = new PartitionedTable(run.path('stages', 'predict', 'predictions'), predictionsTable, inputsHash);
  const segments = new PartitionedTable(run.path('stages', 'predict', 'segments'), segmentsTable, inputsHash);
  const work = async (): Promise<PredictionTables['summary']> => {
    await fillPartitions({ tables: [predictions, segments], partitions }, async (missing, others) => {
      const engine = await openInferenceEngine(model.path, choice, config.train.backend, config.predict.precision);
      options.onEngine?.(engine.description);
      try {
        await predictPartitions(context, { ...options, engine, missing, others, predictions, segments });
      } finally {
        await engine.dispose();
      }
    });
    const found = new Set<string>();
    for await (const row of predictions.rows(partitions)) found.add(row.image_id);
    const photos = index.photos.length;
    return {
      photos,
      instances: await predictions.countRows(),
      segments: await segments.countRows(),
      photosWithoutInstances: photos - found.size,
    };
  };
  const summary = await runStage(context, { name: 'predict', inputsHash, result: summarySchema, work });
  return { inputsHash, partitions, predictions, segments, summary };
}

interface PartitionsToPredict extends Pick<PredictWithOptions, 'sources' | 'regions'> {
  readonly engine: InferenceEngine;
  /** Partitions to write, ascending. */
  readonly missing: readonly number[];
  /** Partitions that are there already. */
  readonly others: number;
  readonly predictions: PartitionedTable<PredictionRow>;
  readonly segments: PartitionedTable<SegmentRow>;
}

async function predictPartitions(
  { index, config, onProgress }: StageContext,
  { engine, missing, others, predictions, segments, sources, regions }: PartitionsToPredict,
): Promise<void> {
  const total = index.photos.length;
  let count = others * photosPerPartition;
  for (const p of missing) {
    const rows: { predictions: PredictionRow[]; segments: SegmentRow[] } = { predictions: [], segments: [] };
    for (const photo of photosOf(index, p)) {
      const image = await decodePhoto(index.folder, photo, config.photos);
      const prediction = await predictPhoto(engine, image, config.predict);
      const distinct = suppressAcrossClusters(prediction.instances, config.predict.maxClusterOverlap);
      const refined = config.predict.crf ? refineInstances(image, distinct) : distinct;
      const found = regions === undefined ? refined : joinRegions(refined, await regions.propose(image));
      const instances = (await sources?.name?.(image, found)) ?? found;
      rows.predictions.push(...predictionRows(photo.image_id, instances));
      const minScore = config.predict.minPanopticScore;
      rows.segments.push(
        ...(sources === undefined
          ? panopticRows(photo.image_id, prediction, { stuffClusters: engine.info.stuff, minScore })
          : mergedRows(photo.image_id, instances, await sources.stuff(photo, p), {
              stuffClusters: sources.stuffClusters,
              minScore,
            })),
      );
      count += 1;
      onProgress({ stage: 'predict', done: Math.min(count, total), total, unit: 'photos' });
    }
    await predictions.write(p, rows.predictions);
    await segments.write(p, rows.segments);
  }
}

/** One look at a photo, or several that are joined. */
function predictPhoto(
  engine: InferenceEngine,
  image: RgbImage,
  look: PipelineConfig['predict'],
): Promise<PanopticPrediction> {
  return predictWithViews({ infer: engine.infer.bind(engine), config: engine.info.network }, image, look);
}

/** Instances in the columns of their table. */
export function predictionRows(imageId: string, instances: readonly Segment[]): PredictionRow[] {
  return instances.map((one, i) => ({
    image_id: imageId,
    prediction_id: i,
    cluster_id: one.clusterId,
    ...maskColumns(one),
  }));
}

interface PanopticLimits {
  readonly stuffClusters: number;
  /** Score an instance needs to enter the map. */
  readonly minScore: number;
}

/** The panoptic map as rows; a network without a semantic branch gives its instances, the surest on top. */
export function panopticRows(imageId: string, prediction: PanopticPrediction, limits: PanopticLimits): SegmentRow[] {
  const { height, width, instances, panoptic } = prediction;
  if (panoptic === undefined) {
    const nothing = { data: new Int32Array(height * width).fill(-1), height, width };
    return mergedRows(imageId, instances, nothing, limits);
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

/** Instances over a semantic map, the surest on top; an instance that is mostly hidden is left out. */
function mergedRows(
  imageId: string,
  instances: readonly Segment[],
  { data, height, width }: SemanticMap,
  { stuffClusters, minScore }: PanopticLimits,
): SegmentRow[] {
  const options = { order: 'score', minScore, maxOverlapRatio: maxHiddenRatio, stuffClusters } as const;
  return segmentRows(imageId, mergePanoptic(instances, data, height, width, options), instances);
}
