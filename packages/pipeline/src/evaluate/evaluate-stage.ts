/** Proposals, pseudo-labels and predictions against the ground truth, photo by photo. */
import { rleArea, rleBbox, type OnProgress } from '@u2seg/core';
import {
  ClusteredInstanceEvaluator,
  CocoAccumulator,
  detectionsFrom,
  groundTruthFrom,
  UniversalEvaluator,
  type ClusteredInstanceResult,
  type CocoStats,
  type GroundTruthInstance,
  type UniversalReport,
} from '@u2seg/metrics';
import type {
  InstanceRow,
  PartitionedTable,
  PredictionRow,
  ProposalRow,
  SegmentRow,
  SemanticRow,
} from '@u2seg/interchange';
import type { PipelineConfig } from '../config/config.ts';
import { byPhoto, paint, toProposal, toSemanticMap } from '../tables/mask-rows.ts';
import type { GroundTruth, PhotoTruth } from './ground-truth.ts';
import type { PhotoIndex } from '../run/photo-index.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { SemanticScorer, type SemanticScore } from './semantic-scores.ts';

/** Tables to score; those that are absent are not. */
export interface ScoredTables {
  /** Masks with scores, by the name of what made them. */
  readonly masks: Readonly<Record<string, PartitionedTable<ProposalRow> | PartitionedTable<PredictionRow>>>;
  /** Panoptic segments, by the name of what made them. */
  readonly panoptic: Readonly<
    Record<string, { readonly table: PartitionedTable<SegmentRow>; readonly scored: boolean }>
  >;
  /** Rows whose clusters are named by votes and scored class by class. */
  readonly clustered: Readonly<Record<string, PartitionedTable<PredictionRow> | PartitionedTable<InstanceRow>>>;
  /** Cluster maps before any instance lies over them. */
  readonly semantics?: PartitionedTable<SemanticRow>;
  readonly numThingClusters: number;
  readonly numStuffClusters: number;
  /** Thresholds of the majority vote. */
  readonly votes: PipelineConfig['evaluate'];
}

/** What a run is worth against a ground truth. */
export interface RunMetrics {
  readonly groundTruth: {
    readonly path: string;
    readonly sha256: string;
    /** Classes that panoptic and instance metrics average over. */
    readonly classes: string;
    readonly photos: number;
    readonly unmatched: number;
  };
  /** Class-agnostic COCO AP/AR of masks against the things of the ground truth. */
  readonly classAgnostic: Readonly<Record<string, CocoStats>>;
  /** The same of boxes. */
  readonly classAgnosticBoxes: Readonly<Record<string, CocoStats>>;
  /** Class-aware AP/AR of boxes and masks, clusters named by votes, per matching. */
  readonly classAware: Readonly<Record<string, readonly ClusteredInstanceResult[]>>;
  readonly universal: Readonly<Record<string, UniversalReport>>;
  /** Of the cluster maps alone, and of a linear probe on their codes; empty without a semantics stage. */
  readonly semantics: readonly SemanticScore[];
}

const object = [{ id: 1, name: 'object' }];

/**
 * Scores the tables of a run.
 *
 * @throws U2SegError `not-found` if no photo of the run is annotated, `shape-mismatch` if a photo and its annotation differ in size
 */
export async function evaluateRun(
  truth: GroundTruth,
  index: PhotoIndex,
  tables: ScoredTables,
  onProgress: OnProgress,
): Promise<RunMetrics> {
  const agnostic = each(tables.masks, (table) => agnosticScorer(table));
  const clustered = each(tables.clustered, (table) => clusteredScorer(table, truth, tables));
  const panoptic = each(tables.panoptic, ({ table, scored }) => panopticScorer(table, scored, truth, tables));
  const semantics = tables.semantics === undefined ? undefined : semanticScorer(tables.semantics, truth, tables);
  const scorers: Pick<TableScorer<unknown>, 'open' | 'update'>[] = [
    ...Object.values(agnostic),
    ...Object.values(clustered),
    ...Object.values(panoptic),
    ...(semantics === undefined ? [] : [semantics]),
  ];
  let opened = -1;
  for (const [done, photo] of truth.photos.entries()) {
    const p = Math.floor(photo / photosPerPartition);
    if (p !== opened) for (const scorer of scorers) await scorer.open(p);
    opened = p;
    const row = index.photos[photo]!;
    const one = await truth.load(photo);
    const image = { id: photo, height: row.height, width: row.width, fileName: one.annotation.fileName };
    const scored = { id: row.image_id, image, truth: one, instances: instancesOf(one, truth) };
    for (const scorer of scorers) scorer.update(scored);
    onProgress({ stage: 'evaluate', done: done + 1, total: truth.photos.length, unit: 'photos' });
  }
  const masks = each(agnostic, (scorer) => scorer.compute());
  return {
    groundTruth: {
      path: truth.path,
      sha256: truth.sha256,
      classes: truth.classes,
      photos: truth.photos.length,
      unmatched: truth.unmatched,
    },
    classAgnostic: each(masks, ({ segm }) => segm),
    classAgnosticBoxes: each(masks, ({ bbox }) => bbox),
    classAware: each(clustered, (scorer) => scorer.compute()),
    universal: each(panoptic, (scorer) => scorer.compute()),
    semantics: semantics?.compute() ?? [],
  };
}

/** An annotated photo of the run. */
interface ScoredPhoto {
  readonly id: string;
  /** As the COCO metrics name it. */
  readonly image: { readonly id: number; readonly height: number; readonly width: number; readonly fileName: string };
  readonly truth: PhotoTruth;
  readonly instances: readonly Omit<GroundTruthInstance, 'imageId'>[];
}

/** Scores one table; its rows are read a partition at a time. */
interface TableScorer<Score> {
  open(p: number): Promise<void>;
  update(photo: ScoredPhoto): void;
  compute(): Score;
}

function each<T, R>(values: Readonly<Record<string, T>>, of: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, of(value)]));
}

/** Rows of the partition that is open, by photo. */
class OpenPartition<Row extends { readonly image_id: string }> {
  readonly #table: Pick<PartitionedTable<Row>, 'read'>;
  #rows: ReadonlyMap<string, readonly Row[]> = new Map();

  constructor(table: Pick<PartitionedTable<Row>, 'read'>) {
    this.#table = table;
  }

  async open(p: number): Promise<void> {
    this.#rows = byPhoto(await this.#table.read(p));
  }

  of({ id }: ScoredPhoto): readonly Row[] {
    return this.#rows.get(id) ?? [];
  }
}

function agnosticScorer(
  table: ScoredTables['masks'][string],
): TableScorer<{ readonly segm: CocoStats; readonly bbox: CocoStats }> {
  const rows = new OpenPartition<ProposalRow | PredictionRow>(table);
  const [segm, bbox] = [new CocoAccumulator({ iouType: 'segm' }), new CocoAccumulator({ iouType: 'bbox' })];
  return {
    open: (p) => rows.open(p),
    update: (photo) => {
      const { image, instances } = photo;
      const own = { imageId: image.id, categoryId: 1 };
      const truth = groundTruthFrom(
        [image],
        object,
        instances.map((instance) => ({ ...instance, ...own })),
      );
      const found = rows.of(photo).map(toProposal);
      const detections = detectionsFrom(
        truth,
        found.map(({ mask, bboxXywh, score }) => ({ ...own, mask, bboxXywh, score })),
      );
      segm.update(truth, detections);
      bbox.update(truth, detections);
    },
    compute: () => ({ segm: segm.compute().stats, bbox: bbox.compute().stats }),
  };
}

function instanceVotes({ votes }: ScoredTables): { readonly minScore: number; readonly minIou: number } {
  return { minScore: votes.voteMinScore, minIou: votes.voteMinIou };
}

function clusteredScorer(
  table: ScoredTables['clustered'][string],
  truth: GroundTruth,
  tables: ScoredTables,
): TableScorer<readonly ClusteredInstanceResult[]> {
  const rows = new OpenPartition<PredictionRow | InstanceRow>(table);
  const evaluator = new ClusteredInstanceEvaluator({
    categories: truth.categories.filter(({ isThing }) => isThing),
    numClusters: Math.max(1, tables.numThingClusters),
    dataset: truth.path,
    votes: instanceVotes(tables),
  });
  return {
    open: (p) => rows.open(p),
    update: (photo) => {
      const detections = rows.of(photo).map((row) => ({ ...toProposal(row), clusterId: row.cluster_id }));
      evaluator.update({ image: photo.image, gt: photo.instances, detections });
    },
    compute: () => evaluator.compute(),
  };
}

/** @param scored - whether the table's scores are part of the prediction */
function panopticScorer(
  table: PartitionedTable<SegmentRow>,
  scored: boolean,
  truth: GroundTruth,
  tables: ScoredTables,
): TableScorer<UniversalReport> {
  const rows = new OpenPartition(table);
  const evaluator = new UniversalEvaluator({
    categories: truth.categories,
    numThingClusters: Math.max(1, tables.numThingClusters),
    numStuffClusters: tables.numStuffClusters,
    dataset: truth.path,
    instanceVotes: instanceVotes(tables),
    stuffMinIou: tables.votes.stuffVoteMinIou,
  });
  return {
    open: (p) => rows.open(p),
    update: (photo) => {
      const { map, annotation } = photo.truth;
      const { height, width } = map;
      const segments = rows.of(photo);
      evaluator.update({
        name: photo.id,
        height,
        width,
        gt: { ids: map.ids, segments: annotation.segments },
        prediction: {
          ids: paint(segments, height * width),
          segments: segments.map((row) => ({
            id: row.segment_id,
            clusterId: row.cluster_id,
            isThing: row.is_thing,
            ...(scored && row.is_thing ? { score: row.score } : {}),
          })),
        },
      });
    },
    compute: () => evaluator.compute(),
  };
}

function semanticScorer(
  table: PartitionedTable<SemanticRow>,
  truth: GroundTruth,
  { numStuffClusters }: ScoredTables,
): TableScorer<readonly SemanticScore[]> {
  const rows = new OpenPartition(table);
  const scorer = new SemanticScorer(truth.semanticClasses, numStuffClusters, truth.path);
  return {
    open: (p) => rows.open(p),
    update: (photo) => {
      const { height, width } = photo.image;
      scorer.update(photo.id, toSemanticMap(rows.of(photo), height, width), photo.truth);
    },
    compute: () => scorer.compute(),
  };
}

/** The things of a photo's ground truth; boxes are the masks' own. */
function instancesOf(truth: PhotoTruth, gt: GroundTruth): Omit<GroundTruthInstance, 'imageId'>[] {
  const isThing = new Map(gt.categories.map((category) => [category.id, category.isThing]));
  return truth.annotation.segments.flatMap(({ id, categoryId, isCrowd }) => {
    const mask = truth.masks.get(id);
    if (mask === undefined || isThing.get(categoryId) !== true) return [];
    return [{ categoryId, mask, bboxXywh: rleBbox(mask), area: rleArea(mask), crowd: isCrowd === true }];
  });
}
