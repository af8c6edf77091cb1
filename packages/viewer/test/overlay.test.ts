import { encodeMask, type BinaryMask } from '@u2seg/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskOutline } from '../src/mask-outline.ts';
import { fittedSize, overlayOf, shrunkMask } from '../src/overlay.ts';

function maskOf(...rows: string[]): BinaryMask {
  const data = Uint8Array.from(rows.join(''), (character) => (character === '#' ? 1 : 0));
  return { data, height: rows.length, width: rows[0]?.length ?? 0 };
}

/** Fills path data by the even-odd rule, looking at pixel centres: what a browser does, written another way. */
function filled(path: string, height: number, width: number): BinaryMask {
  const data = new Uint8Array(height * width);
  for (const loop of path.split('z').filter((part) => part !== '')) {
    let [x, y] = [0, 0];
    const corners: [number, number][] = [];
    for (const [, letter, first, second] of loop.matchAll(/([Mhv])(-?\d+)(?: (-?\d+))?/g)) {
      if (letter === 'M') [x, y] = [Number(first), Number(second)];
      if (letter === 'h') x += Number(first);
      if (letter === 'v') y += Number(first);
      corners.push([x, y]);
    }
    // each vertical side flips all pixels to the right of it
    corners.forEach(([x0, y0], i) => {
      const [x1, y1] = corners[(i + 1) % corners.length]!;
      expect(x0 === x1 || y0 === y1).toBe(true);
      for (let row = Math.min(y0, y1); row < Math.max(y0, y1); row += 1) {
        for (let column = x0; column < width; column += 1) data[row * width + column]! ^= 1;
      }
    });
  }
  return { data, height, width };
}

const anyMask = fc
  .record({
    height: fc.integer({ min: 1, max: 12 }),
    width: fc.integer({ min: 1, max: 12 }),
    seed: fc.infiniteStream(fc.boolean()),
  })
  .map(({ height, width, seed }) => {
    const bits = seed[Symbol.iterator]();
    return {
      data: Uint8Array.from({ length: height * width }, () => (bits.next().value === true ? 1 : 0)),
      height,
      width,
    };
  });

describe('maskOutline', () => {
  it('draws small masks as written by hand', () => {
    expect(maskOutline(maskOf('...'))).toBe('');
    expect(maskOutline(maskOf('#'))).toBe('M0 0h1v1h-1z');
    expect(maskOutline(maskOf('.##', '.#.'))).toBe('M1 0h2v1h-1v1h-1z');
    // a ring: the outer border clockwise, the hole the other way round
    expect(maskOutline(maskOf('###', '#.#', '###'))).toBe('M0 0h3v3h-3zM1 1v1h1v-1z');
    // pixels that touch at a corner stay two loops
    expect(maskOutline(maskOf('#.', '.#'))).toBe('M0 0h1v1h-1zM1 1h1v1h-1z');
  });

  it('covers exactly the pixels of any mask', () => {
    fc.assert(
      fc.property(anyMask, (mask) => {
        expect(filled(maskOutline(mask), mask.height, mask.width).data).toEqual(mask.data);
      }),
    );
  });
});

describe('shrunkMask', () => {
  it('sets a cell where at least half of its pixels are set', () => {
    expect(shrunkMask(maskOf('##..', '....', '#..#', '....'), { height: 2, width: 2 }).data).toEqual(
      Uint8Array.of(1, 0, 0, 0),
    );
  });

  it('keeps every touched cell of a mask too thin for that', () => {
    expect(shrunkMask(maskOf('....', '....', '#..#', '....'), { height: 2, width: 2 }).data).toEqual(
      Uint8Array.of(0, 0, 1, 1),
    );
  });

  it('keeps empty masks empty, full ones full, and others from vanishing', () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(anyMask, size, size, (mask, h, w) => {
        const grid = { height: Math.min(h, mask.height), width: Math.min(w, mask.width) };
        const small = shrunkMask(mask, grid).data;
        const area = mask.data.reduce((a, b) => a + b, 0);
        expect(small.includes(1)).toBe(area > 0);
        if (area === mask.data.length) expect(small.includes(0)).toBe(false);
      }),
    );
  });
});

describe('overlayOf', () => {
  const segmentOf = (mask: BinaryMask) => ({ mask: encodeMask(mask), isThing: true, label: '', clusterId: 0 });

  it('is exact where the photo fits the page', () => {
    const mask = maskOf('.#.', '###', '...');
    const { grid, paths } = overlayOf('here', [segmentOf(mask)], mask, 360, 10_000);
    expect(grid).toEqual({ height: 3, width: 3 });
    expect(filled(paths[0]!, 3, 3).data).toEqual(mask.data);
  });

  it('halves the grid until noisy outlines fit', () => {
    const [height, width] = [128, 256];
    const data = Uint8Array.from({ length: height * width }, (_, i) => (i + Math.floor(i / width)) & 1);
    const { grid, paths } = overlayOf('here', [segmentOf({ data, height, width })], { height, width }, 256, 5000);
    expect(paths[0]!.length).toBeLessThanOrEqual(5000);
    expect(grid).toEqual({ height: 64, width: 128 });
  });

  it('keeps the shape of a photo and never grows it', () => {
    expect(fittedSize({ height: 480, width: 720 }, 360)).toEqual({ height: 240, width: 360 });
    expect(fittedSize({ height: 1, width: 20_000 }, 360)).toEqual({ height: 1, width: 360 });
    expect(fittedSize({ height: 10, width: 20 }, 360)).toEqual({ height: 10, width: 20 });
  });
});
