import { type Segment, rleToString, rleBbox } from '@u2seg/core';
import { masksOfIds } from '@u2seg/datasets';
import type { SegmentRow } from '@u2seg/interchange';
import type { PanopticLabel } from '@u2seg/self-train';

/** Rows of a panoptic map; stuff has score 1. */
export function segmentRows(
  imageId: string,
  label: Pick<PanopticLabel, 'ids' | 'height' | 'width'> & {
    readonly segments: readonly Omit<PanopticLabel['segments'][number], 'bboxXywh'>[];
  },
  instances: readonly Segment[],
): SegmentRow[] {
  const masks = masksOfIds(label);
  return label.segments.map(({ id, isThing, clusterId, area, instance }): SegmentRow => {
    const mask = masks.get(id)!;
    return {
      image_id: imageId,
      segment_id: id,
      is_thing: isThing,
      cluster_id: clusterId,
      mask_height: label.height,
      mask_width: label.width,
      mask_rle: rleToString(mask),
      bbox_xywh: Float32Array.from(rleBbox(mask)),
      area_px: area,
      score: instance === undefined ? 1 : instances[instance]!.score,
    };
  });
}
