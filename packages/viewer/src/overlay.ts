/** Segments of one panel as SVG paths, small enough for a page. */
import { decodeMask, type BinaryMask, U2SegError } from '@u2seg/core';
import { maskOutline } from './mask-outline.ts';
import type { ReportSegment } from './report-input.ts';

/** Size of a grid, in cells. */
export interface GridSize {
  readonly height: number;
  readonly width: number;
}

/** The outlines of a panel's segments, in the order of the segments. */
export interface Overlay {
  /** The grid the outlines are on; the panel scales it to its picture. */
  readonly grid: GridSize;
  readonly paths: readonly string[];
}

/** Largest size with the same shape whose longer side is at most `maxSide`; never larger than the original, never 0. */
export function fittedSize(size: GridSize, maxSide: number): GridSize {
  const scale = Math.min(1, maxSide / Math.max(size.height, size.width));
  return { height: Math.max(1, Math.round(size.height * scale)), width: Math.max(1, Math.round(size.width * scale)) };
}

/**
 * Draws the masks of one panel on a grid of at most `maxSide`, halved until the outlines fit in `maxCharacters` (or the
 * grid is down to 45 cells): noisy masks lose detail instead of swelling the page.
 *
 * @param photo - size of the photo in pixels; on a grid of that size the outlines are exact
 * @throws U2SegError `shape-mismatch` for a mask of another size than the photo
 */
export function overlayOf(
  where: string,
  segments: readonly ReportSegment[],
  photo: GridSize,
  maxSide: number,
  maxCharacters: number,
): Overlay {
  for (const [i, { mask }] of segments.entries()) {
    if (mask.height !== photo.height || mask.width !== photo.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${where}[${i}].mask must have the photo's size ${photo.height} x ${photo.width}, got ${mask.height} x ${mask.width}.`,
      );
    }
  }
  for (let side = maxSide; ; side /= 2) {
    const grid = fittedSize(photo, side);
    const paths = segments.map(({ mask }) => maskOutline(shrunkMask(decodeMask(mask), grid)));
    const characters = paths.reduce((sum, path) => sum + path.length, 0);
    if (characters <= maxCharacters || side / 2 < smallestSide) return { grid, paths };
  }
}

/** Below this a mask no longer shows its object. */
const smallestSide = 45;

/**
 * A mask on a coarser grid: a cell is set where at least half of its pixels are; a mask too thin for that keeps every cell
 * it touches, so that no segment disappears.
 */
export function shrunkMask(mask: BinaryMask, grid: GridSize): BinaryMask {
  const { data, height, width } = mask;
  if (grid.height === height && grid.width === width) return mask;
  const set = new Uint32Array(grid.height * grid.width);
  const columnOf = cellsOf(width, grid.width);
  const rowOf = cellsOf(height, grid.height);
  for (let y = 0, at = 0; y < height; y += 1) {
    const row = rowOf[y]! * grid.width;
    for (let x = 0; x < width; x += 1, at += 1) set[row + columnOf[x]!]! += data[at]!;
  }
  const columns = pixelsPerCell(columnOf, grid.width);
  const rows = pixelsPerCell(rowOf, grid.height);
  const out = new Uint8Array(set.length);
  let any = false;
  for (let y = 0, at = 0; y < grid.height; y += 1) {
    for (let x = 0; x < grid.width; x += 1, at += 1) {
      if (2 * set[at]! >= rows[y]! * columns[x]! && set[at]! > 0) {
        out[at] = 1;
        any = true;
      }
    }
  }
  if (!any) for (let at = 0; at < out.length; at += 1) out[at] = set[at]! > 0 ? 1 : 0;
  return { data: out, ...grid };
}

/** The cell of every pixel along one axis. */
function cellsOf(pixels: number, cells: number): Uint32Array {
  return Uint32Array.from({ length: pixels }, (_, i) => Math.floor((i * cells) / pixels));
}

function pixelsPerCell(cellOf: Uint32Array, cells: number): Uint32Array {
  const out = new Uint32Array(cells);
  for (const cell of cellOf) out[cell]! += 1;
  return out;
}
