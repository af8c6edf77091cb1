/** Scoring of masks where some instances have none. */
import type { CocoDetections, CocoGroundTruth } from './coco-tables.ts';
import { presentRows, withoutAbsent } from './run-table.ts';

/** Ground truth and detections that have masks, as evaluation of masks takes them. */
export interface MaskedInstances {
  readonly gt: CocoGroundTruth;
  readonly dt: CocoDetections;
}

/**
 * Leaves out instances and detections without a mask, which evaluation of masks can neither find nor miss. What has an empty mask
 * stays. Nothing is copied where all have one.
 */
export function maskedInstances(gt: CocoGroundTruth, dt: CocoDetections): MaskedInstances {
  return { gt: maskedGroundTruth(gt), dt: maskedDetections(dt) };
}

function maskedGroundTruth(gt: CocoGroundTruth): CocoGroundTruth {
  const { annotations } = gt;
  const runs = annotations.runs();
  if (runs.absent.length === 0) return gt;
  const rows = presentRows(runs);
  const kept = withoutAbsent(runs);
  return {
    ...gt,
    annotations: {
      length: rows.length,
      ids: Float64Array.from(rows, (row) => annotations.ids[row]!),
      imageIndex: Int32Array.from(rows, (row) => annotations.imageIndex[row]!),
      categoryIndex: Int32Array.from(rows, (row) => annotations.categoryIndex[row]!),
      bboxXywh: boxesOf(annotations.bboxXywh, rows),
      area: Float64Array.from(rows, (row) => annotations.area[row]!),
      crowd: Uint8Array.from(rows, (row) => annotations.crowd[row]!),
      runs: () => kept,
    },
  };
}

function maskedDetections(dt: CocoDetections): CocoDetections {
  if (dt.runs === undefined || dt.runs.absent.length === 0) return dt;
  const rows = presentRows(dt.runs);
  return {
    ...dt,
    length: rows.length,
    imageIndex: Int32Array.from(rows, (row) => dt.imageIndex[row]!),
    categoryIndex: Int32Array.from(rows, (row) => dt.categoryIndex[row]!),
    bboxXywh: boxesOf(dt.bboxXywh, rows),
    score: Float64Array.from(rows, (row) => dt.score[row]!),
    runs: withoutAbsent(dt.runs),
  };
}

function boxesOf(bboxXywh: Float64Array, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows.flatMap((row) => [...bboxXywh.subarray(4 * row, 4 * row + 4)]));
}
