/** Rows of the tables as the types stages work with. */
import {
  decodeMask,
  rleFromString,
  rleToString,
  type BboxXywh,
  type MaskProposal,
  type PatchFeatures,
  type Segment,
} from '@u2seg/core';
import type { FeatureRow, ProposalRow, SegmentRow, SemanticRow } from '@u2seg/interchange';

type MaskRow = Omit<ProposalRow, 'image_id' | 'proposal_id'>;

export function toProposal(row: MaskRow): MaskProposal {
  const { mask_height: height, mask_width: width, mask_rle: rle, bbox_xywh: box, area_px: area, score } = row;
  return { mask: rleFromString(height, width, rle), bboxXywh: [...box] as unknown as BboxXywh, area, score };
}

export function toSegment(row: MaskRow & { readonly cluster_id: number }): Segment {
  return { ...toProposal(row), clusterId: row.cluster_id };
}

type PaintedRow = Pick<ProposalRow, 'mask_height' | 'mask_width' | 'mask_rle'>;

/** Gives the pixels of every row's mask its value; later rows lie over earlier ones. @param map - [H, W], which is returned */
export function paintRows<Row extends PaintedRow, T extends Int32Array | Uint32Array | Uint8Array>(
  map: T,
  rows: readonly Row[],
  valueOf: (row: Row) => number,
): T {
  for (const row of rows) {
    const { data } = decodeMask(rleFromString(row.mask_height, row.mask_width, row.mask_rle));
    const value = valueOf(row);
    for (let i = 0; i < map.length; i += 1) if (data[i] !== 0) map[i] = value;
  }
  return map;
}

/** [H, W] cluster of each pixel, -1 where no region lies. */
export function toSemanticMap(rows: readonly SemanticRow[], height: number, width: number): Int32Array {
  return paintRows(new Int32Array(height * width).fill(-1), rows, (row) => row.cluster_id);
}

/** Rows by photo, in the order of their first row. */
export function byPhoto<Row extends { readonly image_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.image_id);
    if (group === undefined) groups.set(row.image_id, [row]);
    else group.push(row);
  }
  return groups;
}

/** Features in the columns of their table. */
export function featureRow(imageId: string, features: PatchFeatures): FeatureRow {
  const { data, gridH, gridW, patchSize, cls } = features;
  return {
    image_id: imageId,
    grid_h: gridH,
    grid_w: gridW,
    patch_size: patchSize,
    patches: data,
    cls: cls ?? new Float32Array(0),
  };
}

/** A mask in the columns every table of masks has. */
export function maskColumns({
  mask,
  bboxXywh,
  area,
  score,
}: MaskProposal): Omit<ProposalRow, 'image_id' | 'proposal_id'> {
  return {
    mask_height: mask.height,
    mask_width: mask.width,
    mask_rle: rleToString(mask),
    bbox_xywh: Float32Array.from(bboxXywh),
    area_px: area,
    score,
  };
}

/** [H, W] segment ids; rows of a photo are disjoint. */
export function paint(rows: readonly SegmentRow[], pixels: number): Uint32Array {
  return paintRows(new Uint32Array(pixels), rows, (row) => row.segment_id);
}
