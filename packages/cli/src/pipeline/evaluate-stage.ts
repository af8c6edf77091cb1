/** Ninth stage: proposals, pseudo-labels and predictions against the ground truth, where there is one. */
import { rleArea, rleBbox, U2SegError, type MaskProposal, type OnProgress } from '@u2seg/core';
import {
  CocoAccumulator,
  detectionsFrom,
  groundTruthFrom,
  UniversalEvaluator,
  type CocoStats,
  type UniversalReport,
} from '@u2seg/metrics';
import type { PartitionedTable, PredictionRow, ProposalRow, SegmentRow } from '@u2seg/interchange';
import { paint } from './export-labels.ts';
import type { GroundTruth, PhotoTruth } from './ground-truth.ts';
import type { PhotoIndex } from './photo-index.ts';
import { photosPerPartition } from './shards.ts';
import { byPhoto, toProposal } from './table-masks.ts';

/** Tables to score; those that are absent are not. */
export interface ScoredTables {
  /** Masks with scores, by the name of what made them. */
  readonly masks: Readonly<Record<string, PartitionedTable<ProposalRow> | PartitionedTable<PredictionRow>>>;
  /** Panoptic segments, by the name of what made them. */
  readonly panoptic: Readonly<
    Record<string, { readonly table: PartitionedTable<SegmentRow>; readonly scored: boolean }>
  >;
  readonly numThingClusters: number;
  readonly numStuffClusters: number;
}

export interface RunMetrics {
  readonly groundTruth: {
    readonly path: string;
    readonly sha256: string;
    readonly photos: number;
    readonly unmatched: number;
  };
  /** Class-agnostic COCO AP/AR of masks against the things of the ground truth. */
  readonly classAgnostic: Readonly<Record<string, CocoStats>>;
  readonly universal: Readonly<Record<string, UniversalReport>>;
}

const object = [{ id: 1, name: 'object' }];

/** @throws U2SegError `not-found` if no photo of the run is annotated, `shape-mismatch` if a photo and its annotation differ in size */
export async function evaluateRun(
  truth: GroundTruth,
  index: PhotoIndex,
  tables: ScoredTables,
  onProgress: OnProgress,
): Promise<RunMetrics> {
  if (truth.photos.length === 0) {
    throw new U2SegError(
      'not-found',
      `${truth.path}: none of its ${truth.unmatched} annotated images is among the ${index.photos.length} photos (they are matched by file name).`,
    );
  }
  const accumulators = Object.keys(tables.masks).map(
    (name) => [name, new CocoAccumulator({ iouType: 'segm' })] as const,
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
        }),
      ] as const,
  );
  let partition:
    | {
        readonly p: number;
        readonly masks: Map<string, (ProposalRow | PredictionRow)[]>[];
        readonly panoptic: Map<string, SegmentRow[]>[];
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
        panoptic: await Promise.all(
          Object.values(tables.panoptic).map(async ({ table }) => byPhoto(await table.read(p))),
        ),
      };
    }
    const row = index.photos[photo]!;
    const one = await truth.load(photo);
    if (one.map.height !== row.height || one.map.width !== row.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${truth.path}: ${one.annotation.fileName} has ${one.map.width} x ${one.map.height} pixels, photo ${row.path} ${row.width} x ${row.height}; photos.maxSide must be 0 or not below the photos' size to score them.`,
      );
    }
    accumulators.forEach(([, accumulator], i) =>
      addMasks(accumulator, photo, one, (partition!.masks[i]!.get(row.image_id) ?? []).map(toProposal), truth),
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
    onProgress({ stage: 'evaluate', done: done + 1, total: truth.photos.length, unit: 'photos' });
  }
  return {
    groundTruth: { path: truth.path, sha256: truth.sha256, photos: truth.photos.length, unmatched: truth.unmatched },
    classAgnostic: Object.fromEntries(accumulators.map(([name, accumulator]) => [name, accumulator.compute().stats])),
    universal: Object.fromEntries(evaluators.map(([name, evaluator]) => [name, evaluator.compute()])),
  };
}

function addMasks(
  accumulator: CocoAccumulator,
  photo: number,
  truth: PhotoTruth,
  masks: readonly MaskProposal[],
  gt: GroundTruth,
): void {
  const { height, width } = truth.map;
  const isThing = new Map(gt.categories.map((category) => [category.id, category.isThing]));
  const instances = truth.annotation.segments.flatMap((segment) => {
    const mask = truth.masks.get(segment.id);
    if (mask === undefined || isThing.get(segment.categoryId) !== true) return [];
    return [
      {
        imageId: photo,
        categoryId: 1,
        mask,
        bboxXywh: rleBbox(mask),
        area: rleArea(mask),
        crowd: segment.isCrowd === true,
      },
    ];
  });
  const ground = groundTruthFrom(
    [{ id: photo, height, width, fileName: truth.annotation.fileName }],
    object,
    instances,
  );
  accumulator.update(
    ground,
    detectionsFrom(
      ground,
      masks.map(({ mask, bboxXywh, score }) => ({ imageId: photo, categoryId: 1, mask, bboxXywh, score })),
    ),
  );
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
