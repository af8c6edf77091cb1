import { assertInteger, U2SegError } from '@u2seg/core';

/** What is compared: boxes, or masks. */
export type IouType = 'bbox' | 'segm';

/** One range of ground-truth areas, both ends included, in square pixels. */
export interface AreaRange {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

export interface CocoParameters {
  /** Compare boxes or masks. */
  readonly iouType?: IouType;
  /** Keep categories apart (`true`), or pool them (pycocotools' `useCats = 0`). */
  readonly useCategories?: boolean;
  /** A detection matches from this IoU on; rising, at most 32. */
  readonly iouThresholds?: readonly number[];
  /** Recall levels at which precision is read; rising, in [0, 1]. */
  readonly recallThresholds?: readonly number[];
  readonly areaRanges?: readonly AreaRange[];
  /** Detections kept per image and category; rising. The last one also limits what is matched. */
  readonly maxDetections?: readonly number[];
  /**
   * Area that decides whether an unmatched detection is outside an area range: its own mask's or its box's. pycocotools takes
   * the box's when the results file has boxes, which `auto` does for boxes; for masks `auto` takes the mask's, as
   * detectron2's evaluator brings about by removing the boxes.
   */
  readonly detectionArea?: 'auto' | 'mask' | 'box';
  /**
   * `reference` repeats pycocotools where it errs: its headline AP is undefined unless the last `maxDetections` is 100.
   * `corrected` reads AP at the last `maxDetections`, whatever it is.
   */
  readonly mode?: 'corrected' | 'reference';
}

/** `count` values from `first` to `last`, computed as numpy's `linspace` does, to the last bit. */
export function linearSpace(first: number, last: number, count: number): number[] {
  const step = (last - first) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : i * step + first));
}

/** pycocotools 2.0's parameters for boxes and masks. */
export const cocoDefaults: Required<CocoParameters> = {
  iouType: 'bbox',
  useCategories: true,
  iouThresholds: linearSpace(0.5, 0.95, 10),
  recallThresholds: linearSpace(0, 1, 101),
  areaRanges: [
    { name: 'all', min: 0, max: 1e10 },
    { name: 'small', min: 0, max: 32 ** 2 },
    { name: 'medium', min: 32 ** 2, max: 96 ** 2 },
    { name: 'large', min: 96 ** 2, max: 1e10 },
  ],
  maxDetections: [1, 10, 100],
  detectionArea: 'auto',
  mode: 'corrected',
};

/** Fills in defaults and checks. @throws U2SegError `out-of-range` or `wrong-usage` */
export function resolveCocoParameters(parameters: CocoParameters): Required<CocoParameters> {
  const resolved = { ...cocoDefaults, ...parameters };
  const { iouThresholds, maxDetections, areaRanges, recallThresholds } = resolved;
  if (iouThresholds.length < 1 || iouThresholds.length > 32) {
    throw new U2SegError(
      'out-of-range',
      `evaluateCoco: iouThresholds must hold 1 to 32 values, got ${iouThresholds.length}.`,
    );
  }
  assertRising('iouThresholds', iouThresholds);
  assertRising('recallThresholds', recallThresholds);
  assertRising('maxDetections', maxDetections);
  for (const max of maxDetections) assertInteger('evaluateCoco: maxDetections', max, 1);
  if (areaRanges.length === 0 || maxDetections.length === 0) {
    throw new U2SegError('wrong-usage', 'evaluateCoco: areaRanges and maxDetections must not be empty.');
  }
  return resolved;
}

function assertRising(name: string, values: readonly number[]): void {
  for (let i = 0; i < values.length; i += 1) {
    if (!(values[i]! > (values[i - 1] ?? -Infinity))) {
      throw new U2SegError('out-of-range', `evaluateCoco: ${name} must rise, got ${values.join(', ')}.`);
    }
  }
}
