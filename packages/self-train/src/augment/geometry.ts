import { decodeMask, encodeMask, rleArea, rleBbox, type RgbImage, type Segment } from '@u2seg/core';

/**
 * How the output's pixels are taken from the input: the input is resized, mirrored, and a window of it is cut out; the
 * window may reach past the resized input, and is filled there.
 */
export interface Geometry {
  /** Size after resizing. */
  readonly scaledHeight: number;
  readonly scaledWidth: number;
  readonly mirrored: boolean;
  /** First row and column of the window in the resized, mirrored input; never negative. */
  readonly top: number;
  readonly left: number;
  /** Size of the output. */
  readonly height: number;
  readonly width: number;
}

/** Grey of filled image pixels, detectron2's. */
const fillLevel = 128;

/** The window of an image that has been resized to the geometry's scaled size. */
export function windowOfImage(scaled: RgbImage, geometry: Geometry): RgbImage {
  const { height, width } = geometry;
  const data = new Uint8Array(height * width * 3).fill(fillLevel);
  const columns = sourceColumns(geometry, geometry.scaledWidth);
  for (let y = 0; y < height && geometry.top + y < scaled.height; y += 1) {
    const row = (geometry.top + y) * scaled.width;
    for (let x = 0; x < width; x += 1) {
      if (columns[x]! < 0) continue;
      const from = (row + columns[x]!) * 3;
      data.set(scaled.data.subarray(from, from + 3), (y * width + x) * 3);
    }
  }
  return { data, height, width };
}

/** The window of a label map [H, W] at the input's size, by nearest neighbour (pixel centres, as Pillow picks them). */
export function windowOfMap(
  map: Uint8Array,
  height: number,
  width: number,
  geometry: Geometry,
  fill: number,
): Uint8Array {
  const out = new Uint8Array(geometry.height * geometry.width).fill(fill);
  const rows = sourceRows(geometry, height);
  const columns = sourceColumns(geometry, width);
  for (let y = 0, at = 0; y < geometry.height; y += 1) {
    const row = rows[y]! * width;
    for (let x = 0; x < geometry.width; x += 1, at += 1) {
      if (row >= 0 && columns[x]! >= 0) out[at] = map[row + columns[x]!]!;
    }
  }
  return out;
}

/** The window of an instance, box and area recomputed; undefined when nothing of it is left. */
export function windowOfSegment(segment: Segment, geometry: Geometry): Segment | undefined {
  const { data, height, width } = decodeMask(segment.mask);
  const mask = encodeMask({
    data: windowOfMap(data, height, width, geometry, 0),
    height: geometry.height,
    width: geometry.width,
  });
  const area = rleArea(mask);
  return area === 0 ? undefined : { ...segment, mask, area, bboxXywh: rleBbox(mask) };
}

/** Row of an input of `height` rows for each output row; -1 outside. */
function sourceRows(geometry: Geometry, height: number): Int32Array {
  return sources(geometry.height, geometry.top, geometry.scaledHeight, height, false);
}

function sourceColumns(geometry: Geometry, width: number): Int32Array {
  return sources(geometry.width, geometry.left, geometry.scaledWidth, width, geometry.mirrored);
}

function sources(size: number, start: number, scaled: number, original: number, mirrored: boolean): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => {
    const at = start + i;
    if (at >= scaled) return -1;
    const position = mirrored ? scaled - 1 - at : at;
    return Math.min(original - 1, Math.floor(((position + 0.5) * original) / scaled));
  });
}
