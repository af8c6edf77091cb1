import { rleIou, type MaskProposal, type Segment } from '@u2seg/core';

export interface JoinRegionsOptions {
  /** Least IoU of a region with the detection it is named after; at 0 a pixel is enough. */
  readonly minIou?: number;
  /** IoU from which a region stands for a detection, whose own mask is then left out. */
  readonly sameIou?: number;
  /** Factor of the scores of detections no region stands for, which are not on the regions' scale. */
  readonly detectionWeight?: number;
  /** So many instances of a photo are looked at: COCO's evaluation takes the best hundred. */
  readonly places?: number;
  /** At most so many of these places are kept for the surest detections no region stands for. */
  readonly ownPlaces?: number;
}

/** Chosen by hand, so that a network that has hardly learned does not spoil the order of the regions, and what only it sees is seen. */
export const joinRegionsDefaults: Required<JoinRegionsOptions> = {
  minIou: 0,
  sameIou: 0.9,
  detectionWeight: 0.5,
  places: 100,
  ownPlaces: 20,
};

/**
 * Joins what a network detects with regions of the same photo found without it, whose outlines are sharper: the network
 * names the regions, and what only it sees gets a place among them.
 *
 * 1. a region keeps its score and gets the cluster of the detection it overlaps most; one that overlaps none, or none by
 *    `minIou`, is left out;
 * 2. a detection stays, with its own mask and `detectionWeight` times its score, where no region overlaps it by `sameIou`;
 * 3. the surest `ownPlaces` of those come among the first `places`: their scores are at least that of the last region before them.
 *
 * @returns by falling score, regions first among equals
 */
export function joinRegions(
  detections: readonly Segment[],
  regions: readonly MaskProposal[],
  options: JoinRegionsOptions = {},
): Segment[] {
  const { minIou, sameIou, detectionWeight, places, ownPlaces } = { ...joinRegionsDefaults, ...options };
  const replaced = new Set<Segment>();
  const named = regions.flatMap(({ mask, bboxXywh, area, score }): Segment[] => {
    let [most, clusterId] = [0, -1];
    for (const one of detections) {
      const iou = rleIou(mask, one.mask);
      if (iou >= sameIou) replaced.add(one);
      if (iou > most) [most, clusterId] = [iou, one.clusterId];
    }
    if (clusterId < 0 || most < minIou) return [];
    return [{ mask, bboxXywh, area, clusterId, score }];
  });
  named.sort(byScore);
  const own = detections
    .filter((one) => !replaced.has(one))
    .map((one) => ({ ...one, score: detectionWeight * one.score }))
    .sort(byScore);
  const kept = Math.min(own.length, ownPlaces, places);
  const last = named[places - kept - 1]?.score ?? 0;
  return [...named, ...own.map((one, i) => (i < kept ? { ...one, score: Math.max(one.score, last) } : one))].sort(
    byScore,
  );
}

function byScore(a: Segment, b: Segment): number {
  return b.score - a.score;
}
