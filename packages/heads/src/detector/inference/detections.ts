import { clipBoxes, takeBoxes, type BoxArray } from '../../boxes/box-array.ts';
import { batchedNms } from '../../boxes/nms.ts';
import type { RoiConfig } from '../config/config.ts';
import type { ImageSize } from './proposals.ts';

/** Detected instances of one image, by descending score. */
export interface Detections {
  /** [M, 4] pixels */
  readonly boxes: BoxArray;
  /** [M] in [0, 1] */
  readonly scores: Float32Array;
  /** [M] in [0, K) */
  readonly classes: Int32Array;
  /** [M] row of the region each came from. */
  readonly rows: Int32Array;
}

/**
 * Detections from scored regions: every class above the score threshold is a candidate, suppressed within its class,
 * the best kept. Rows with a value that is not finite are left out.
 *
 * @param regionBoxes - [R, 4], or [R, 4 K] for class-specific boxes; not changed
 * @param probabilities - [R, K + 1], background last
 */
export function selectDetections(
  regionBoxes: BoxArray,
  probabilities: Float32Array,
  size: ImageSize,
  config: RoiConfig,
): Detections {
  const { numClasses, minScore, nmsThreshold, detectionsPerImage } = config;
  const regions = probabilities.length / (numClasses + 1);
  const perRegion = regions === 0 ? 4 : regionBoxes.length / regions;
  const clipped = regionBoxes.slice();
  clipBoxes(clipped, size.height, size.width);
  const threshold = Math.fround(minScore);
  const scores: number[] = [];
  const classes: number[] = [];
  const rows: number[] = [];
  const boxRows: number[] = [];
  for (let r = 0; r < regions; r += 1) {
    const ofRegion = probabilities.subarray(r * (numClasses + 1), (r + 1) * (numClasses + 1));
    if (!ofRegion.every(Number.isFinite)) continue;
    if (!regionBoxes.subarray(r * perRegion, (r + 1) * perRegion).every(Number.isFinite)) continue;
    for (let k = 0; k < numClasses; k += 1) {
      if (!(ofRegion[k]! > threshold)) continue;
      scores.push(ofRegion[k]!);
      classes.push(k);
      rows.push(r);
      boxRows.push(perRegion === 4 ? r : r * numClasses + k);
    }
  }
  const candidates = takeBoxes(clipped, boxRows);
  const kept = batchedNms(candidates, Float32Array.from(scores), classes, nmsThreshold).slice(0, detectionsPerImage);
  return {
    boxes: takeBoxes(candidates, kept),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    classes: Int32Array.from(kept, (i) => classes[i]!),
    rows: Int32Array.from(kept, (i) => rows[i]!),
  };
}
