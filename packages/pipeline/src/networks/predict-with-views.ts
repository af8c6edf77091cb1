import type { RgbImage } from '@u2seg/core';
import { predictPanoptic, predictViews, type ConfiguredPredictor, type PanopticPrediction } from '@u2seg/self-train';
import { resizePhoto } from '../photos/resize-photo.ts';

/** How a network looks at a photo. */
export interface Look {
  /** Lengths at test time, in pixels. */
  readonly shortestEdge: number;
  readonly maxSize: number;
  /** Sizes over `shortestEdge`; results of more than one are joined (test-time augmentation). */
  readonly scales: readonly number[];
  /** Also look at the mirror image. */
  readonly flip: boolean;
  readonly minScore: number;
}

/** What a network says about a photo, from one view or several. */
export function predictWithViews(
  predictor: ConfiguredPredictor,
  image: RgbImage,
  { shortestEdge, maxSize, scales, flip, minScore }: Look,
): Promise<PanopticPrediction> {
  const common = { resize: resizePhoto, minScore };
  if (scales.length === 1 && !flip) {
    const [scale] = scales as readonly [number];
    return predictPanoptic(predictor, image, { ...common, shortestEdge: Math.round(shortestEdge * scale), maxSize });
  }
  return predictViews(predictor, image, {
    ...common,
    flip,
    shortestEdges: scales.map((scale) => Math.round(shortestEdge * scale)),
    maxSize: Math.round(maxSize * Math.max(...scales)),
  });
}
