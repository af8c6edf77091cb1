import { assertInteger, U2SegError } from './errors.ts';
import { rleMerge } from './rle-algebra.ts';
import type { BboxXywh, Rle } from './rle.ts';

/** The outline is traced on a grid this many times finer than the pixels, then brought back (COCO's mask API). */
const upsampling = 5;

/**
 * Mask of one polygon, filled by the COCO API's rule:
 *
 * 1. round the corners to a grid five times finer and walk every edge on it, one point per step of its longer axis;
 * 2. where the walk crosses the middle of a pixel column, note the row of the crossing;
 * 3. sort the crossings in column-major order; the mask flips at each (even-odd), and crossings that coincide cancel.
 *
 * The walk is not taken step by step: its crossings are looked up column by column, inside the image only.
 *
 * @param xy - x0, y0, x1, y1, ... in input pixels; the last corner joins the first
 * @throws U2SegError `shape-mismatch` for an odd number of values, `out-of-range` for a value that is not finite
 */
export function rleFromPolygon(xy: ArrayLike<number>, height: number, width: number): Rle {
  assertInteger('rleFromPolygon: height', height, 0);
  assertInteger('rleFromPolygon: width', width, 0);
  if (xy.length % 2 !== 0) {
    throw new U2SegError('shape-mismatch', `rleFromPolygon: xy must hold pairs, got ${xy.length} values.`);
  }
  for (let i = 0; i < xy.length; i += 1) {
    if (!Number.isFinite(xy[i])) {
      throw new U2SegError('out-of-range', `rleFromPolygon: xy[${i}] must be finite, got ${xy[i]}.`);
    }
  }
  const crossings = columnCrossings(xy, height, width);
  crossings.push(height * width);
  return { height, width, counts: runsBetween(Float64Array.from(crossings).sort()) };
}

/**
 * Union of several polygons, as `segmentation: [[x0, y0, ...], ...]` in COCO's JSON means it.
 *
 * @returns an empty mask for no polygons
 */
export function rleFromPolygons(polygons: readonly ArrayLike<number>[], height: number, width: number): Rle {
  if (polygons.length === 0) return { height, width, counts: Uint32Array.of(height * width) };
  return rleMerge(polygons.map((xy) => rleFromPolygon(xy, height, width)));
}

/** Mask of a box, filled by the polygon rule (a pixel is set where the box covers its middle, to a fifth of a pixel). */
export function rleFromBbox(bboxXywh: BboxXywh, height: number, width: number): Rle {
  const [x, y, w, h] = bboxXywh;
  return rleFromPolygon([x, y, x, y + h, x + w, y + h, x + w, y], height, width);
}

/**
 * Corners farther out than this, in steps of the finer grid, are brought in to it: farther out a float64 no longer holds every
 * step of an edge.
 */
const farthest = 2 ** 50;

/**
 * Column-major positions at which the outline crosses the middle of a pixel column, edge by edge. Only columns of the image are
 * looked at, so that the cost does not grow with coordinates outside it.
 */
function columnCrossings(xy: ArrayLike<number>, height: number, width: number): number[] {
  const corners = xy.length / 2;
  const crossings: number[] = [];
  for (let corner = 0; corner < corners; corner += 1) {
    const next = corner + 1 === corners ? 0 : corner + 1;
    const x0 = onFinerGrid(xy[2 * corner]!);
    const y0 = onFinerGrid(xy[2 * corner + 1]!);
    const x1 = onFinerGrid(xy[2 * next]!);
    const y1 = onFinerGrid(xy[2 * next + 1]!);
    addCrossings(x0, y0, x1, y1, height, width, crossings);
  }
  return crossings;
}

function onFinerGrid(value: number): number {
  return Math.min(Math.max(Math.trunc(upsampling * value + 0.5), -farthest), farthest);
}

/**
 * Crossings of one edge. Its points are those of a walk from the lower end of the longer axis, one a step, so that both directions
 * agree; a column is crossed between the two points around its middle, and the upper of them gives the row.
 */
function addCrossings(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  height: number,
  width: number,
  crossings: number[],
): void {
  const dx = Math.abs(x1 - x0);
  const dy = Math.abs(y1 - y0);
  const before = (upsampling - 1) / 2;
  const firstColumn = Math.max(0, Math.ceil((Math.min(x0, x1) - before) / upsampling));
  const lastColumn = Math.min(width - 1, Math.floor((Math.max(x0, x1) - before - 1) / upsampling));
  if (firstColumn > lastColumn) return;
  const alongX = dx >= dy;
  const flip = alongX ? x0 > x1 : y0 > y1;
  const [fromX, fromY, toX, toY] = flip ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
  const slope = alongX ? (toY - fromY) / dx : (toX - fromX) / dy;
  for (let x = firstColumn; x <= lastColumn; x += 1) {
    const left = upsampling * x + before;
    let v: number;
    if (alongX) {
      const step = left - fromX;
      v = Math.min(Math.trunc(fromY + slope * step + 0.5), Math.trunc(fromY + slope * (step + 1) + 0.5));
    } else {
      v = fromY + lastStepBefore(left, fromX, slope, dy);
    }
    const y = (v + 0.5) / upsampling - 0.5;
    crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
}

/** The last step of a steep edge before it crosses from `left` to `left + 1`, or back; columns rise or fall with the steps. */
function lastStepBefore(left: number, fromX: number, slope: number, steps: number): number {
  const crossed = (step: number): boolean => {
    const u = Math.trunc(fromX + slope * step + 0.5);
    return slope > 0 ? u > left : u <= left;
  };
  let low = 0;
  let high = steps;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (crossed(middle)) high = middle;
    else low = middle;
  }
  return low;
}

/** Run lengths between sorted flip positions; two flips at one place cancel and join the runs around them. */
function runsBetween(positions: Float64Array): Uint32Array {
  const counts = new Uint32Array(positions.length);
  let length = 1;
  counts[0] = positions[0]!;
  for (let i = 1; i < positions.length; i += 1) {
    const run = positions[i]! - positions[i - 1]!;
    if (run > 0) {
      counts[length] = run;
      length += 1;
    } else {
      i += 1;
      if (i < positions.length) counts[length - 1]! += positions[i]! - positions[i - 1]!;
    }
  }
  return counts.slice(0, length);
}
