/** A sheet of small pictures: a row a photo, a column a kind of segments drawn over it. */
import { decodeMask, type RgbImage, type Rle } from '@u2seg/core';
import { encodeJpeg, resizePillow } from '@u2seg/datasets';
import { clusterColor } from '@u2seg/viewer';

/** Something drawn over a photo, in the photo's pixels. */
export interface DrawnSegment {
  readonly mask: Rle;
  /** Decides the colour. */
  readonly id: number;
  readonly isThing: boolean;
}

/** A photo and what is drawn over it, one entry a column after the photo itself. */
export interface SheetRow {
  readonly image: RgbImage;
  readonly columns: readonly (readonly DrawnSegment[])[];
}

export interface SheetOptions {
  /** Width of one picture, in pixels. */
  readonly width?: number;
  /** Pixels between pictures. */
  readonly gap?: number;
  /** Largest file, in bytes; the quality is lowered until it fits. */
  readonly maxBytes?: number;
}

export const sheetDefaults: Required<SheetOptions> = { width: 200, gap: 4, maxBytes: 290_000 };

/** Share of a segment's colour in its pixels. */
const tint = 0.5;
const qualities: readonly number[] = [88, 80, 72, 64, 56, 48, 40, 30];

/**
 * Draws the sheet.
 *
 * @returns JPEG of the best quality that fits; of the lowest there is when none does
 */
export async function pictureSheet(rows: readonly SheetRow[], options: SheetOptions = {}): Promise<Uint8Array> {
  const settings = { ...sheetDefaults, ...options };
  const sheet = compose(
    rows.map(({ image, columns }) => [
      shrunk(image, settings.width),
      ...columns.map((segments) => shrunk(drawOver(image, segments), settings.width)),
    ]),
    settings,
  );
  let bytes: Uint8Array = new Uint8Array(0);
  for (const quality of qualities) {
    bytes = await encodeJpeg(sheet, { quality });
    if (bytes.length <= settings.maxBytes) break;
  }
  return bytes;
}

/** The photo with segments tinted, large ones below small ones, and their borders drawn. */
export function drawOver(image: RgbImage, segments: readonly DrawnSegment[]): RgbImage {
  const { height, width } = image;
  const data = image.data.slice();
  const decoded = segments.map((segment) => ({ ...segment, bits: decodeMask(segment.mask).data }));
  const area = (bits: Uint8Array): number => bits.reduce((sum, bit) => sum + bit, 0);
  for (const { bits, id, isThing } of decoded.sort((a, b) => area(b.bits) - area(a.bits))) {
    const color = clusterColor(id, isThing);
    const rgb = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
    for (let y = 0, p = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, p += 1) {
        if (bits[p] === 0) continue;
        const share = onBorder(bits, y, x, height, width) ? 1 : tint;
        for (let c = 0; c < 3; c += 1)
          data[3 * p + c] = Math.round((1 - share) * image.data[3 * p + c]! + share * rgb[c]!);
      }
    }
  }
  return { data, height, width };
}

/** Whether a pixel a little away, up, down, left or right, is outside of the mask or the photo. */
function onBorder(bits: Uint8Array, y: number, x: number, height: number, width: number): boolean {
  // about one pixel of the shrunk picture
  const reach = Math.max(1, Math.round(width / sheetDefaults.width));
  if (y < reach || x < reach || y >= height - reach || x >= width - reach) return true;
  const p = y * width + x;
  return [p - reach, p + reach, p - reach * width, p + reach * width].some((q) => bits[q] === 0);
}

function shrunk(image: RgbImage, width: number): RgbImage {
  return resizePillow(image, Math.max(1, Math.round((image.height * width) / image.width)), width, 'bicubic');
}

function compose(rows: readonly (readonly RgbImage[])[], { width, gap }: Required<SheetOptions>): RgbImage {
  const columns = Math.max(...rows.map((row) => row.length));
  const sheetWidth = columns * width + (columns - 1) * gap;
  const sheetHeight = rows.reduce((sum, row) => sum + row[0]!.height + gap, -gap);
  const data = new Uint8Array(sheetHeight * sheetWidth * 3).fill(255);
  let top = 0;
  for (const row of rows) {
    for (const [c, { data: pixels, height }] of row.entries()) {
      for (let y = 0; y < height; y += 1) {
        const at = ((top + y) * sheetWidth + c * (width + gap)) * 3;
        data.set(pixels.subarray(y * width * 3, (y + 1) * width * 3), at);
      }
    }
    top += row[0]!.height + gap;
  }
  return { data, height: sheetHeight, width: sheetWidth };
}
