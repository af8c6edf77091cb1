/** Images out: RGB as PNG (lossless) or JPEG. */
import { assertImage, assertInteger, type RgbImage } from '@u2seg/core';
import sharp, { type Sharp } from 'sharp';

/**
 * Encodes an image as 8-bit RGB PNG: lossless. Pixels are the same everywhere; compressed bytes follow the zlib at hand.
 *
 * @throws U2SegError `shape-mismatch`
 */
export async function encodePng(image: RgbImage): Promise<Uint8Array> {
  return await pipelineOf('encodePng', image).png({ compressionLevel: 6 }).toBuffer();
}

export interface EncodeJpegOptions {
  /** [1, 100]. */
  readonly quality?: number;
  /** `4:4:4` keeps full colour resolution. */
  readonly chroma?: '4:2:0' | '4:4:4';
}

export const encodeJpegDefaults: Required<EncodeJpegOptions> = { quality: 90, chroma: '4:2:0' };

/**
 * Encodes an image as baseline JPEG.
 *
 * @throws U2SegError `shape-mismatch`, or `out-of-range` for the quality
 */
export async function encodeJpeg(image: RgbImage, options: EncodeJpegOptions = {}): Promise<Uint8Array> {
  const { quality, chroma } = { ...encodeJpegDefaults, ...options };
  assertInteger('encodeJpeg: quality', quality, 1, 100);
  return await pipelineOf('encodeJpeg', image).jpeg({ quality, chromaSubsampling: chroma }).toBuffer();
}

function pipelineOf(where: string, image: RgbImage): Sharp {
  assertImage(where, image);
  const { data, height, width } = image;
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
}
