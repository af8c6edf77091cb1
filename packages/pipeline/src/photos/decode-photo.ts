import { join } from 'node:path';
import type { RgbImage } from '@u2seg/core';
import { decodeImage } from '@u2seg/datasets';
import type { ImageRow } from '@u2seg/interchange';
import type { PipelineConfig } from '../config/config.ts';

/** Decodes a photo as the whole run sees it. */
export function decodePhoto(
  folder: string,
  row: Pick<ImageRow, 'path'>,
  settings: PipelineConfig['photos'],
): Promise<RgbImage> {
  return decodeImage(join(folder, row.path), {
    maxPixels: settings.maxPixels,
    maxSide: settings.maxSide,
    profile: settings.colourProfile,
  });
}
