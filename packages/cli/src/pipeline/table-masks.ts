/** Rows of the tables as the types stages work with. */
import { decodeMask, rleFromString, type BboxXywh, type MaskProposal, type Segment } from '@u2seg/core';
import type { ProposalRow, SemanticRow } from '@u2seg/interchange';

type MaskRow = Omit<ProposalRow, 'image_id' | 'proposal_id'>;

export function toProposal(row: MaskRow): MaskProposal {
  const { mask_height: height, mask_width: width, mask_rle: rle, bbox_xywh: box, area_px: area, score } = row;
  return { mask: rleFromString(height, width, rle), bboxXywh: [...box] as unknown as BboxXywh, area, score };
}

export function toSegment(row: MaskRow & { readonly cluster_id: number }): Segment {
  return { ...toProposal(row), clusterId: row.cluster_id };
}

/** [H, W] cluster of each pixel, -1 where no region lies. */
export function toSemanticMap(rows: readonly SemanticRow[], height: number, width: number): Int32Array {
  const map = new Int32Array(height * width).fill(-1);
  for (const row of rows) {
    const { data } = decodeMask(rleFromString(row.mask_height, row.mask_width, row.mask_rle));
    for (let i = 0; i < map.length; i += 1) if (data[i] !== 0) map[i] = row.cluster_id;
  }
  return map;
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
