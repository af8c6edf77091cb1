import type { RgbImage } from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';
import type { PipelineConfig } from '../config/config.ts';

/** Side of the square the backbone sees, in pixels: whole patches, one at least. */
export function networkSide({ size }: Pick<PipelineConfig['backbone'], 'size'>, patchSize: number): number {
  return Math.max(1, Math.round(size / patchSize)) * patchSize;
}

/** The photo as the backbone sees it: a square, as MaskCut takes it (CutLER resizes with LANCZOS). */
export function networkImage(image: RgbImage, config: PipelineConfig['backbone'], patchSize: number): RgbImage {
  const side = networkSide(config, patchSize);
  return resizePillow(image, side, side, 'lanczos');
}
