/** Pictures inside the page, as data addresses. */
import type { RgbImage } from '@u2seg/core';
import { encodeJpeg, resizePillow } from '@u2seg/datasets';
import { fittedSize } from './overlay.ts';

export interface EmbeddedPicture {
  /** `data:image/jpeg;base64,...` */
  readonly address: string;
  readonly height: number;
  readonly width: number;
}

/** Shrinks a picture to at most `maxSide` and embeds it as JPEG; smaller ones keep their size. */
export async function embeddedPicture(image: RgbImage, maxSide: number, quality: number): Promise<EmbeddedPicture> {
  const { height, width } = fittedSize(image, maxSide);
  const small =
    height === image.height && width === image.width ? image : resizePillow(image, height, width, 'bicubic');
  const bytes = await encodeJpeg(small, { quality });
  return { address: `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}`, height, width };
}
