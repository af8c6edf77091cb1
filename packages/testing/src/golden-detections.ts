/** What the goldens of `model-inference` say of one photo, and how a network's detections are held against it. */

/** `imgN_final.json`: detectron2's outputs, in pixels of `height` x `width`. */
export interface GoldenDetections {
  readonly height: number;
  readonly width: number;
  /** By falling score. */
  readonly instances: readonly {
    readonly bbox_xyxy: readonly number[];
    readonly score: number;
    readonly category: number;
    /** Run lengths as COCO's string; `size` is [height, width]. */
    readonly mask: { readonly size: readonly [number, number]; readonly counts: string };
  }[];
  readonly panoptic_segments_info: readonly { readonly isthing: boolean; readonly category_id: number }[];
  readonly counts: { readonly proposals: number };
}

/** Detections as columns, as a network gives them. */
export interface DetectionColumns {
  readonly scores: Float32Array;
  readonly classes: Int32Array;
  /** [M, 4] */
  readonly boxesXyxy: Float32Array;
}

/** Largest difference of scores, and of box corners in pixels: another float32 library's sums. */
const tolerance = { score: 1e-3, corner: 0.02 };

/** The instances of a golden that no detection has the class, score and box of; near ties may change order. */
export function unmatchedInstances(
  golden: GoldenDetections,
  { scores, classes, boxesXyxy }: DetectionColumns,
): GoldenDetections['instances'][number][] {
  return golden.instances.filter(
    ({ bbox_xyxy: box, score, category }) =>
      !classes.some(
        (label, i) =>
          label === category &&
          Math.abs(scores[i]! - score) <= tolerance.score &&
          box.every((value, k) => Math.abs(value - boxesXyxy[4 * i + k]!) <= tolerance.corner),
      ),
  );
}
