import { U2SegError } from '@u2seg/core';
import type { PanopticImage } from './panoptic-image.ts';

/** Pixels shared by the segments of two maps of one image. */
export interface Overlaps {
  /**
   * [G + 1, P + 1] pixels; row 0 is void in the ground truth, column 0 void in the prediction. `countOverlaps` appends a row,
   * G + 1: pixels of ground-truth segments that are in the map and not in the list; they count in `predictedAreas` only.
   */
  readonly shared: Float64Array;
  /** [G] pixels of each ground-truth segment. */
  readonly gtAreas: Float64Array;
  /** [P] pixels of each predicted segment. */
  readonly predictedAreas: Float64Array;
}

/**
 * Counts the pixels each pair of segments shares. One pass over the maps that looks ids up only where either map changes, so
 * it costs little more than reading them.
 *
 * @param trustStatedAreas - take the areas of the ground truth from its segments where they state one, and let its map and its
 *   list of segments differ, as panopticapi does
 */
export function countOverlaps(
  name: string,
  gt: PanopticImage,
  prediction: PanopticImage,
  trustStatedAreas: boolean,
): Overlaps {
  const gtIndex = indexSegments(name, 'ground truth', gt);
  const predictedIndex = indexSegments(name, 'prediction', prediction);
  const numGt = gt.segments.length;
  const stride = prediction.segments.length + 1;
  // void, the segments, and what is not listed
  const shared = new Float64Array((numGt + 2) * stride);
  const gtIds = gt.ids;
  const predictedIds = prediction.ids;
  const n = gtIds.length;
  for (let i = 0; i < n;) {
    const g = gtIds[i]!;
    const p = predictedIds[i]!;
    const from = i;
    do i += 1;
    while (i < n && gtIds[i] === g && predictedIds[i] === p);
    let row = g === 0 ? 0 : gtIndex.get(g);
    const column = p === 0 ? 0 : predictedIndex.get(p);
    if (column === undefined) throw unlisted(name, 'prediction', p);
    if (row === undefined) {
      if (!trustStatedAreas) throw unlisted(name, 'ground truth', g);
      row = numGt + 1;
    }
    shared[row * stride + column]! += i - from;
  }
  const predictedAreas = new Float64Array(prediction.segments.length);
  const gtAreas = new Float64Array(numGt);
  for (let row = 0; row < numGt + 2; row += 1) {
    for (let column = 0; column < stride; column += 1) {
      const pixels = shared[row * stride + column]!;
      if (column > 0) predictedAreas[column - 1]! += pixels;
      if (row > 0 && row <= numGt) gtAreas[row - 1]! += pixels;
    }
  }
  prediction.segments.forEach((segment, p) => {
    if (predictedAreas[p] === 0) throw absent(name, 'prediction', segment.id);
  });
  gt.segments.forEach((segment, g) => {
    if (trustStatedAreas) gtAreas[g] = segment.area ?? gtAreas[g]!;
    else if (gtAreas[g] === 0) throw absent(name, 'ground truth', segment.id);
  });
  return { shared, gtAreas, predictedAreas };
}

/** Segment id to row or column, from 1 on. */
function indexSegments(name: string, side: string, image: PanopticImage): Map<number, number> {
  const index = new Map<number, number>();
  image.segments.forEach((segment, i) => {
    if (segment.id === 0 || index.has(segment.id)) {
      const why = segment.id === 0 ? 'is void and cannot be a segment' : 'occurs twice';
      throw new U2SegError('conflict', `PanopticQuality.update: ${name}: ${side}: segment id ${segment.id} ${why}.`);
    }
    index.set(segment.id, i + 1);
  });
  return index;
}

function unlisted(name: string, side: string, id: number): U2SegError {
  return new U2SegError(
    'bad-format',
    `PanopticQuality.update: ${name}: ${side}: segment ${id} is in the map and not in the list of segments.`,
  );
}

function absent(name: string, side: string, id: number): U2SegError {
  return new U2SegError(
    'bad-format',
    `PanopticQuality.update: ${name}: ${side}: segment ${id} is in the list of segments and not in the map.`,
  );
}
