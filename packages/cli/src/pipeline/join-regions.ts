import { rleIou, type MaskProposal, type Segment } from '@u2seg/core';

export interface JoinRegionsOptions {
  /** Least IoU of a region with the detection it is named after; at 0 a pixel is enough. */
  readonly minIou?: number;
  /** IoU from which a region takes a detection's place. */
  readonly sameIou?: number;
  /** What a region that no detection agrees with keeps, over what the best agreement adds. */
  readonly withoutAgreement?: number;
  /** Factor of the scores of detections no region stands for, which are not on the regions' scale. */
  readonly detectionWeight?: number;
}

/** Chosen by hand, so that a network that has hardly learned does not spoil the order of the regions. */
export const joinRegionsDefaults: Required<JoinRegionsOptions> = {
  minIou: 0,
  sameIou: 0.5,
  withoutAgreement: 2,
  detectionWeight: 0.5,
};

/**
 * Joins what a network detects with regions of the same photo found without it, whose outlines are sharper: the network
 * judges the regions, as R-CNN did.
 *
 * 1. a region's score is lowered where no detection agrees with it, by the best IoU times score among them;
 * 2. it gets the cluster of the detection it overlaps most; one that overlaps none, or none by `minIou`, is left out;
 * 3. a detection stays, with its own mask and `detectionWeight` times its score, where no region overlaps it by `sameIou`.
 *
 * @returns by falling score, regions first among equals
 */
export function joinRegions(
  detections: readonly Segment[],
  regions: readonly MaskProposal[],
  options: JoinRegionsOptions = {},
): Segment[] {
  const { minIou, sameIou, withoutAgreement, detectionWeight } = { ...joinRegionsDefaults, ...options };
  const replaced = new Set<Segment>();
  const judged = regions.flatMap(({ mask, bboxXywh, area, score }): Segment[] => {
    let [most, agreement, clusterId] = [0, 0, -1];
    for (const one of detections) {
      const iou = rleIou(mask, one.mask);
      if (iou >= sameIou) replaced.add(one);
      agreement = Math.max(agreement, iou * one.score);
      if (iou > most) [most, clusterId] = [iou, one.clusterId];
    }
    if (clusterId < 0 || most < minIou) return [];
    const support = (withoutAgreement + agreement) / (withoutAgreement + 1);
    return [{ mask, bboxXywh, area, clusterId, score: score * Math.sqrt(support) }];
  });
  const rest = detections
    .filter((one) => !replaced.has(one))
    .map((one) => ({ ...one, score: detectionWeight * one.score }));
  return [...judged, ...rest].sort((a, b) => b.score - a.score);
}
