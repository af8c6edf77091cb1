/** Ninth stage: proposals, pseudo-labels and predictions against the ground truth, where there is one. */
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

/** @throws U2SegError `not-found` if no photo of the run is annotated, `shape-mismatch` if a photo and its annotation differ in size */
export async function evaluateRun(
  truth: GroundTruth,
  index: PhotoIndex,
  tables: ScoredTables,
  onProgress: OnProgress,
): Promise<RunMetrics> {
  const accumulators = Object.keys(tables.masks).map(
    (name) =>
      [
        name,
        { segm: new CocoAccumulator({ iouType: 'segm' }), bbox: new CocoAccumulator({ iouType: 'bbox' }) },
      ] as const,
  );
  const { voteMinScore, voteMinIou, stuffVoteMinIou } = tables.votes;
  const votes = { minScore: voteMinScore, minIou: voteMinIou };
  const things = truth.categories.filter(({ isThing }) => isThing);
  const clustered = Object.keys(tables.clustered).map(
    (name) =>
      [
        name,
        new ClusteredInstanceEvaluator({
          categories: things,
          numClusters: Math.max(1, tables.numThingClusters),
          dataset: truth.path,
          votes,
        }),
      ] as const,
  );
  const evaluators = Object.keys(tables.panoptic).map(
    (name) =>
      [
        name,
        new UniversalEvaluator({
          categories: truth.categories,
          numThingClusters: Math.max(1, tables.numThingClusters),
          numStuffClusters: tables.numStuffClusters,
          dataset: truth.path,
          instanceVotes: votes,
          stuffMinIou: stuffVoteMinIou,
        }),
      ] as const,
  );
  const semantic =
    tables.semantics === undefined
      ? undefined
      : new SemanticScorer(truth.semanticClasses, tables.numStuffClusters, truth.path);
  let partition:
    | {
        readonly p: number;
        readonly masks: Map<string, (ProposalRow | PredictionRow)[]>[];
        readonly clustered: Map<string, (PredictionRow | InstanceRow)[]>[];
        readonly panoptic: Map<string, SegmentRow[]>[];
        readonly semantics: Map<string, SemanticRow[]>;
      }
    | undefined;
  for (const [done, photo] of truth.photos.entries()) {
    const p = Math.floor(photo / photosPerPartition);
    if (partition?.p !== p) {
      partition = {
        p,
        masks: await Promise.all(
          Object.values(tables.masks).map(async (table) =>
            byPhoto((await table.read(p)) as (ProposalRow | PredictionRow)[]),
          ),
        ),
        clustered: await Promise.all(
          Object.values(tables.clustered).map(async (table) =>
            byPhoto((await table.read(p)) as (PredictionRow | InstanceRow)[]),
          ),
        ),
        panoptic: await Promise.all(
          Object.values(tables.panoptic).map(async ({ table }) => byPhoto(await table.read(p))),
        ),
        semantics: byPhoto((await tables.semantics?.read(p)) ?? []),
      };
    }
    const row = index.photos[photo]!;
    const one = await truth.load(photo);
    const instances = instancesOf(one, truth);
    const image = { id: photo, height: row.height, width: row.width, fileName: one.annotation.fileName };
    const agnostic = groundTruthFrom(
      [image],
      object,
      instances.map((instance) => ({ ...instance, imageId: photo, categoryId: 1 })),
    );
    accumulators.forEach(([, { segm, bbox }], i) => {
      const rows = (partition!.masks[i]!.get(row.image_id) ?? []).map(toProposal);
      const detections = detectionsFrom(
        agnostic,
        rows.map(({ mask, bboxXywh, score }) => ({ imageId: photo, categoryId: 1, mask, bboxXywh, score })),
      );
      segm.update(agnostic, detections);
      bbox.update(agnostic, detections);
    });
    clustered.forEach(([, evaluator], i) =>
      evaluator.update({
        image,
        gt: instances,
        detections: (partition!.clustered[i]!.get(row.image_id) ?? []).map((found) => ({
          ...toProposal(found),
          clusterId: found.cluster_id,
        })),
      }),
    );
    evaluators.forEach(([name, evaluator], i) =>
      addPanoptic(
        evaluator,
        row.image_id,
        one,
        partition!.panoptic[i]!.get(row.image_id) ?? [],
        tables.panoptic[name]!.scored,
      ),
    );
    const regions = partition.semantics.get(row.image_id) ?? [];
    semantic?.update(row.image_id, toSemanticMap(regions, row.height, row.width), one);
    onProgress({ stage: 'evaluate', done: done + 1, total: truth.photos.length, unit: 'photos' });
  }
  return {
    groundTruth: {
      path: truth.path,
      sha256: truth.sha256,
      classes: truth.classes,
      photos: truth.photos.length,
      unmatched: truth.unmatched,
    },
    classAgnostic: Object.fromEntries(accumulators.map(([name, { segm }]) => [name, segm.compute().stats])),
    classAgnosticBoxes: Object.fromEntries(accumulators.map(([name, { bbox }]) => [name, bbox.compute().stats])),
    classAware: Object.fromEntries(clustered.map(([name, evaluator]) => [name, evaluator.compute()])),
    universal: Object.fromEntries(evaluators.map(([name, evaluator]) => [name, evaluator.compute()])),
    semantics: semantic?.compute() ?? [],
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

function addPanoptic(
  evaluator: UniversalEvaluator,
  name: string,
  truth: PhotoTruth,
  rows: readonly SegmentRow[],
  scored: boolean,
): void {
  const { height, width, ids: gtIds } = truth.map;
  evaluator.update({
    name,
    height,
    width,
    gt: { ids: gtIds, segments: truth.annotation.segments },
    prediction: {
      ids: paint(rows, height * width),
      segments: rows.map((row) => ({
        id: row.segment_id,
        clusterId: row.cluster_id,
        isThing: row.is_thing,
        ...(scored && row.is_thing ? { score: row.score } : {}),
      })),
    },
  });
}
