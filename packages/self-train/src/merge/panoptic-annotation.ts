import { rleToString, type Segment } from '@u2seg/core';
import type { PanopticLabel } from './merge-panoptic.ts';

/** A category of a pseudo-labelled data set in COCO's panoptic format. */
export interface PseudoCategory {
  readonly id: number;
  readonly name: string;
  readonly supercategory: string;
  readonly isthing: 0 | 1;
}

/** An entry of `segments_info` of COCO's panoptic format, with the mask U2Seg keeps for things. */
export interface SegmentInfo {
  readonly id: number;
  readonly category_id: number;
  readonly iscrowd: 0;
  readonly bbox: readonly number[];
  readonly area: number;
  readonly segmentation?: { readonly size: readonly [number, number]; readonly counts: string };
  readonly isthing?: 1;
}

export interface SegmentInfoOptions {
  /**
   * `visible`: box and area of the pixels shown, as COCO defines them. `reference`: what U2Seg's script writes, the
   * instance's box and area before it was hidden in part, and an empty box and area 0 for stuff.
   */
  readonly extent?: 'visible' | 'reference';
}

/** Categories of K thing clusters and the stuff clusters: things 1..K, then stuff K+1.. (U2Seg: 800 + 27). */
export function pseudoCategories(thingClusters: number, stuffClusters: number): PseudoCategory[] {
  return Array.from({ length: thingClusters + stuffClusters }, (_, i) => ({
    supercategory: String(i + 1),
    id: i + 1,
    name: String(i + 1),
    isthing: i < thingClusters ? 1 : 0,
  }));
}

/**
 * `segments_info` of a merged image, ids and categories 1-based as in {@link pseudoCategories}.
 *
 * @param instances - the list the label was merged from
 */
export function segmentInfos(
  label: PanopticLabel,
  instances: readonly Segment[],
  thingClusters: number,
  options: SegmentInfoOptions = {},
): SegmentInfo[] {
  const reference = options.extent === 'reference';
  return label.segments.map((segment) => {
    const category = segment.clusterId + 1 + (segment.isThing ? 0 : thingClusters);
    if (!segment.isThing) {
      return {
        id: segment.id,
        category_id: category,
        iscrowd: 0,
        bbox: reference ? [] : segment.bboxXywh,
        area: reference ? 0 : segment.area,
      };
    }
    const instance = instances[segment.instance!]!;
    return {
      id: segment.id,
      category_id: category,
      iscrowd: 0,
      bbox: reference ? instance.bboxXywh : segment.bboxXywh,
      area: reference ? instance.area : segment.area,
      segmentation: { size: [instance.mask.height, instance.mask.width], counts: rleToString(instance.mask) },
      isthing: 1,
    };
  });
}
