import type { RgbImage } from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';
import type { PipelineConfig } from '../config/config.ts';

/** The photo as the backbone sees it: a square, as MaskCut takes it (CutLER resizes with LANCZOS). */
export function networkImage(image: RgbImage, config: PipelineConfig['backbone'], patchSize: number): RgbImage {
  const side = Math.max(1, Math.round(config.size / patchSize)) * patchSize;
  return resizePillow(image, side, side, 'lanczos');
}
