/** Photos in: any common image file becomes an upright 8-bit sRGB image, or an error that names the file. */
import { assertInteger, U2SegError, type RgbImage } from '@u2seg/core';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { type ImageSource, nameOfSource, readSource } from './read-source.ts';

export interface DecodeImageOptions {
  /** Upper bound on H * W of the stored image, in pixels; checked on the header, before anything is decoded. */
  readonly maxPixels?: number;
  /** Longest side of the result, in pixels: larger images are shrunk while decoding. 0 keeps every size. */
  readonly maxSide?: number;
  /** Colour put behind transparent pixels, [0, 255] each. */
  readonly background?: readonly [number, number, number];
  /**
   * What to do with an embedded colour profile. `ignore` takes the stored numbers, as Pillow's `convert("RGB")` and with it
   * the reference implementations do: pixels equal theirs bit for bit. `apply` converts to sRGB, which is how the photo is
   * meant to look and moves saturated colours by many levels. CMYK is always converted through a profile.
   */
  readonly profile?: 'ignore' | 'apply';
}

/** `maxPixels`: 100 megapixels take 300 MB decoded; phone cameras stay below. */
export const decodeImageDefaults: Required<DecodeImageOptions> = {
  maxPixels: 100_000_000,
  maxSide: 0,
  background: [255, 255, 255],
  profile: 'ignore',
};

/** What the header of an image file says; nothing is decoded. */
export interface ImageHeader {
  /** `jpeg`, `png`, `webp`, `gif`, `tiff` or `avif`. */
  readonly format: string;
  /** Pixels, upright (after the EXIF rotation). */
  readonly height: number;
  readonly width: number;
  /** 1 for a still image. */
  readonly frames: number;
}

const supported: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'];

/**
 * Reads size and format of an image.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`, `unsupported`
 */
export async function readImageHeader(source: ImageSource): Promise<ImageHeader> {
  const where = 'readImageHeader';
  const metadata = await readMetadata(where, nameOfSource(source), await readSource(where, source));
  return headerOf(metadata);
}

/**
 * Decodes an image to 8-bit sRGB.
 *
 * EXIF rotation is applied. Grey is repeated in three channels, CMYK converted through its profile, 16 bit reduced to 8, transparency laid over
 * `background`, palettes expanded, and of an animation or a multi-page file the first frame is taken. A file that stops
 * early or whose data are damaged fails: no half-grey image comes back.
 *
 * @returns [H, W, 3], upright
 * @throws U2SegError `not-found` or `io` if the file cannot be read; `bad-format` if it is empty, damaged or no image;
 *   `unsupported` for a format that is not decoded here (BMP, HEIC, SVG, PDF); `out-of-range` above `maxPixels`
 */
export async function decodeImage(source: ImageSource, options: DecodeImageOptions = {}): Promise<RgbImage> {
  const where = 'decodeImage';
  const { maxPixels, maxSide, background, profile } = { ...decodeImageDefaults, ...options };
  assertInteger(`${where}: maxPixels`, maxPixels, 1);
  assertInteger(`${where}: maxSide`, maxSide, 0);
  const name = nameOfSource(source);
  const bytes = await readSource(where, source);
  const metadata = await readMetadata(where, name, bytes);
  const { height, width } = headerOf(metadata);
  if (height * width > maxPixels) {
    throw new U2SegError(
      'out-of-range',
      `${where}: ${name} has ${width} x ${height} pixels (${megapixels(height * width)} MP), more than the limit of ` +
        `${megapixels(maxPixels)} MP; raise maxPixels to decode it (it needs ${Math.ceil((height * width * 3) / 1e6)} MB).`,
    );
  }
  const pipeline = (failOn: 'warning' | 'error'): Sharp => {
    const input: SharpOptions = {
      limitInputPixels: maxPixels,
      failOn,
      pages: 1,
      ignoreIcc: ignoresProfile(metadata, profile),
    };
    let image = sharp(bytes, input).autoOrient();
    if (maxSide > 0) image = image.resize({ width: maxSide, height: maxSide, fit: 'inside', withoutEnlargement: true });
    const [r, g, b] = background;
    return image.flatten({ background: { r, g, b } }).toColourspace('srgb').raw({ depth: 'uchar' });
  };
  const { data, info } = await decodeTolerantly(pipeline).catch((cause: unknown) => {
    throw new U2SegError('bad-format', `${where}: ${name} is damaged: ${reasonOf(cause)}.`, { cause });
  });
  return { data: toRgb(data, info.channels, info.height * info.width), height: info.height, width: info.width };
}

type Decoded = Awaited<ReturnType<typeof decodeOnce>>;

function decodeOnce(
  pipeline: Sharp,
): Promise<{ data: Buffer; info: { channels: number; height: number; width: number } }> {
  return pipeline.toBuffer({ resolveWithObject: true });
}

/** Stray bytes between JPEG segments lose no pixel (some cameras write them), so that one warning is forgiven. */
async function decodeTolerantly(pipeline: (failOn: 'warning' | 'error') => Sharp): Promise<Decoded> {
  try {
    return await decodeOnce(pipeline('warning'));
  } catch (cause) {
    if (!/extraneous bytes before marker/u.test(reasonOf(cause))) throw cause;
    return decodeOnce(pipeline('error'));
  }
}

async function readMetadata(where: string, name: string, bytes: Uint8Array): Promise<Metadata> {
  const foreign = nameForeignFormat(bytes);
  if (foreign !== undefined) {
    throw new U2SegError(
      'unsupported',
      `${where}: ${name} is ${foreign}; wanted ${supported.join(', ')}. Convert it first.`,
    );
  }
  let metadata: Metadata;
  try {
    metadata = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
  } catch (cause) {
    throw new U2SegError(
      'bad-format',
      `${where}: ${name} is not an image, or its header is damaged: ${reasonOf(cause)}.`,
      {
        cause,
      },
    );
  }
  const format = metadata.format === 'heif' ? 'avif' : metadata.format;
  if (!supported.includes(format)) {
    throw new U2SegError(
      'unsupported',
      `${where}: ${name} is ${format}; wanted ${supported.join(', ')}. Convert it first.`,
    );
  }
  return metadata;
}

/** Formats people have photos in that are not decoded here, told by their first bytes. */
function nameForeignFormat(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString('latin1');
  if (head.startsWith('BM')) return 'BMP';
  if (head.startsWith('%PDF')) return 'PDF';
  if (/^ftyp(?:heic|heix|hevc|heim|heis|mif1)/u.test(head.slice(4, 12))) return 'HEIC';
  if (/^\s*<(?:\?xml|svg|!DOCTYPE svg)/iu.test(head)) return 'SVG or XML';
  return undefined;
}

function headerOf(metadata: Metadata): ImageHeader {
  return {
    format: metadata.format === 'heif' ? 'avif' : metadata.format,
    height: metadata.autoOrient.height,
    width: metadata.autoOrient.width,
    frames: metadata.pages ?? 1,
  };
}

function ignoresProfile(metadata: Metadata, profile: 'apply' | 'ignore'): boolean {
  return profile === 'ignore' && metadata.space !== 'cmyk';
}

function toRgb(data: Buffer, channels: number, pixels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, pixels * 3);
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i += 1) {
    for (let c = 0; c < 3; c += 1) rgb[i * 3 + c] = data[i * channels + (channels >= 3 ? c : 0)]!;
  }
  return rgb;
}

function megapixels(count: number): string {
  return (count / 1e6).toFixed(count < 1e7 ? 2 : 0);
}

/** First line of a foreign message, without the final stop. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text
    .split('\n')
    .join('; ')
    .replace(/[.\s;]+$/u, '');
}
