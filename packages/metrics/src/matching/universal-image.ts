import { assertInteger, assertLength } from '@u2seg/core';
import { imageDigest } from '../data-hash.ts';
import { countOverlaps, type Overlaps } from '../panoptic/panoptic-overlap.ts';
import type { PanopticImage, PanopticSegment } from '../panoptic/panoptic-image.ts';

/** A predicted segment before its cluster has a class. */
export interface ClusteredSegment {
  /** Id in the map, from 1 on. */
  readonly id: number;
  /** In [0, K) for a thing, in [0, S) for stuff. */
  readonly clusterId: number;
  readonly isThing: boolean;
  /** In [0, 1]; a segment without one votes as if it were certain. */
  readonly score?: number;
}

/** A predicted panoptic segmentation in clusters. */
export interface ClusteredImage {
  /** [H, W] row-major segment ids; 0 is void. */
  readonly ids: Uint32Array;
  readonly segments: readonly ClusteredSegment[];
}

/** Ground truth and prediction of one image. */
export interface UniversalPair {
  /** Unique name, for the hash, the error messages and the list of worst images. */
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly gt: PanopticImage;
  readonly prediction: ClusteredImage;
}

/** What scoring an image under any matching needs: a few kilobytes of plain data that a worker can send, no maps. */
export interface ComparedImage {
  readonly name: string;
  /** SHA-256 of the ground truth, 32 bytes. */
  readonly digest: Uint8Array;
  readonly gt: readonly PanopticSegment[];
  readonly prediction: readonly ClusteredSegment[];
  readonly overlaps: Overlaps;
  /** [G, 4] and [P, 4] tight boxes, x y w h. */
  readonly gtBoxes: Float64Array;
  readonly predictedBoxes: Float64Array;
}

/**
 * Compares the maps of one image once, for `UniversalEvaluator.add`; in a worker, for example, beside the decoding of the maps.
 *
 * @throws U2SegError as `PanopticQuality.update` does
 */
export function compareImage(pair: UniversalPair): ComparedImage {
  const { name, height, width, gt, prediction } = pair;
  assertInteger(`evaluateUniversal: ${name}: height`, height, 1);
  assertLength(`evaluateUniversal: ${name}: gt.ids`, gt.ids.length, [height, width]);
  assertLength(`evaluateUniversal: ${name}: prediction.ids`, prediction.ids.length, [height, width]);
  // categories play no part in overlaps
  const segments = prediction.segments.map(({ id }) => ({ id, categoryId: 0 }));
  const listed = gt.segments.map((one) => [one.id, one.categoryId, one.isCrowd === true]);
  return {
    name,
    digest: imageDigest(name, JSON.stringify([height, width, listed]), gt.ids),
    gt: gt.segments,
    prediction: prediction.segments,
    overlaps: countOverlaps(name, gt, { ids: prediction.ids, segments }, false),
    gtBoxes: segmentBoxes(gt.ids, width, gt.segments),
    predictedBoxes: segmentBoxes(prediction.ids, width, segments),
  };
}

/** [n, 4] tight box of each segment, x y w h in pixels. */
function segmentBoxes(ids: Uint32Array, width: number, segments: readonly { readonly id: number }[]): Float64Array {
  const index = new Map(segments.map((segment, i) => [segment.id, i]));
  const boxes = new Float64Array(4 * segments.length);
  for (let i = 0; i < segments.length; i += 1) boxes.set([Infinity, Infinity, -1, -1], 4 * i);
  for (let row = 0, y = 0; row < ids.length; row += width, y += 1) {
    const stop = row + width;
    for (let i = row; i < stop;) {
      const id = ids[i]!;
      const from = i;
      do i += 1;
      while (i < stop && ids[i] === id);
      const segment = id === 0 ? undefined : index.get(id);
      if (segment === undefined) continue;
      const at = 4 * segment;
      boxes[at] = Math.min(boxes[at]!, from - row);
      boxes[at + 1] = Math.min(boxes[at + 1]!, y);
      boxes[at + 2] = Math.max(boxes[at + 2]!, i - row);
      boxes[at + 3] = Math.max(boxes[at + 3]!, y + 1);
    }
  }
  for (let at = 0; at < boxes.length; at += 4) {
    boxes[at + 2]! -= boxes[at]!;
    boxes[at + 3]! -= boxes[at + 1]!;
  }
  return boxes;
}
