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

/** Column-major positions at which the outline crosses the middle of a pixel column, in the order of the walk. */
function columnCrossings(xy: ArrayLike<number>, height: number, width: number): number[] {
  const corners = xy.length / 2;
  const crossings: number[] = [];
  let lastU = 0;
  let lastV = 0;
  let first = true;
  const visit = (u: number, v: number): void => {
    if (!first && u !== lastU) {
      const x = ((u < lastU ? u : u - 1) + 0.5) / upsampling - 0.5;
      if (Number.isInteger(x) && x >= 0 && x <= width - 1) {
        const y = (Math.min(v, lastV) + 0.5) / upsampling - 0.5;
        crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
      }
    }
    first = false;
    lastU = u;
    lastV = v;
  };
  for (let corner = 0; corner < corners; corner += 1) {
    const next = corner + 1 === corners ? 0 : corner + 1;
    const x0 = Math.trunc(upsampling * xy[2 * corner]! + 0.5);
    const y0 = Math.trunc(upsampling * xy[2 * corner + 1]! + 0.5);
    const x1 = Math.trunc(upsampling * xy[2 * next]! + 0.5);
    const y1 = Math.trunc(upsampling * xy[2 * next + 1]! + 0.5);
    walkEdge(x0, y0, x1, y1, visit);
  }
  return crossings;
}

/** Visits the points of one edge from its first corner to its second; rounding is done from the lower end, so that both directions agree. */
function walkEdge(x0: number, y0: number, x1: number, y1: number, visit: (u: number, v: number) => void): void {
  const dx = Math.abs(x1 - x0);
  const dy = Math.abs(y1 - y0);
  const steps = Math.max(dx, dy);
  if (steps === 0) {
    visit(x0, y0);
    return;
  }
  const alongX = dx >= dy;
  const flip = alongX ? x0 > x1 : y0 > y1;
  const [fromX, fromY, toX, toY] = flip ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
  const slope = alongX ? (toY - fromY) / dx : (toX - fromX) / dy;
  for (let step = 0; step <= steps; step += 1) {
    const t = flip ? steps - step : step;
    if (alongX) visit(t + fromX, Math.trunc(fromY + slope * t + 0.5));
    else visit(Math.trunc(fromX + slope * t + 0.5), t + fromY);
  }
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
