import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rleArea, rleFromPolygon } from '../src/index.ts';

/** COCO's rule spelled out: every step of every edge, wherever it lies. */
function walked(xy: readonly number[], height: number, width: number): number[] {
  const positions: number[] = [];
  const corners = Array.from({ length: xy.length / 2 }, (_, i): [number, number] => [
    Math.trunc(5 * xy[2 * i]! + 0.5),
    Math.trunc(5 * xy[2 * i + 1]! + 0.5),
  ]);
  const points: [number, number][] = [];
  corners.forEach(([x0, y0], i) => {
    const [x1, y1] = corners[(i + 1) % corners.length]!;
    const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const flip = dx >= dy ? x0 > x1 : y0 > y1;
    const [ax, ay, bx, by] = flip ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
    const steps = Math.max(dx, dy);
    const edge: [number, number][] = Array.from({ length: steps + 1 }, (__, t) =>
      dx >= dy
        ? [t + ax, Math.trunc(ay + (steps === 0 ? 0 : (by - ay) / dx) * t + 0.5)]
        : [Math.trunc(ax + ((bx - ax) / dy) * t + 0.5), t + ay],
    );
    points.push(...(flip ? edge.reverse() : edge));
  });
  for (let i = 1; i < points.length; i += 1) {
    const [[u0, v0], [u1, v1]] = [points[i - 1]!, points[i]!];
    if (u0 === u1) continue;
    const x = (Math.min(u0, u1) + 0.5) / 5 - 0.5;
    if (!Number.isInteger(x) || x < 0 || x > width - 1) continue;
    const y = (Math.min(v0, v1) + 0.5) / 5 - 0.5;
    positions.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  const flips = new Uint8Array(height * width + 1);
  for (const position of positions) flips[position]! ^= 1;
  let inside = 0;
  return Array.from({ length: height * width }, (_, p) => (inside ^= flips[p]!));
}

function pixels({ counts }: { readonly counts: Uint32Array }): number[] {
  return [...counts].flatMap((count, i) => Array.from({ length: count }, () => i % 2));
}

describe('rleFromPolygon', () => {
  const coordinate = fc.oneof(
    fc.double({ min: -60, max: 90, noNaN: true }),
    fc.integer({ min: -30, max: 50 }),
    fc.double({ min: -900, max: 1200, noNaN: true }),
  );
  it('sets the pixels that walking every step sets, wherever the corners are', () => {
    const side = fc.integer({ min: 1, max: 24 });
    const polygon = fc
      .array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 9 })
      .map((corners) => corners.flat());
    fc.assert(
      fc.property(polygon, side, side, (xy, height, width) => {
        expect(pixels(rleFromPolygon(xy, height, width))).toEqual(walked(xy, height, width));
      }),
      { numRuns: 1500 },
    );
  });

  // walked step by step, the third would take hours
  it.each([2e3, 2e6, 1e12, 1e300])('fills the image for corners %d pixels outside', (far) => {
    expect(rleArea(rleFromPolygon([-far, -far, -far, far, far, far, far, -far], 28, 30))).toBe(28 * 30);
    expect(rleArea(rleFromPolygon([0, -far, 0, far, 10, far, 10, -far], 28, 30))).toBe(28 * 10);
    expect(rleArea(rleFromPolygon([far, far, 2 * far, far, 2 * far, 2 * far], 28, 30))).toBe(0);
  });

  it('reads the steep edges of a polygon whose corner is 3.5 million pixels away', () => {
    const xy = [-164, -221, 2000000, 3500000, 225, 236, 272, 384];
    // pixels that the walk of 28 million steps set
    expect(rleArea(rleFromPolygon(xy, 28, 28))).toBe(167);
  });
});
