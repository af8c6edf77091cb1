import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { readPanopticIds, readPng } from '@u2seg/testing';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'u2seg-png-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A PNG from rows as they are stored: the filter's number, then what it leaves. */
function png(width: number, rows: readonly (readonly number[])[], colourType: number, depth = 8): string {
  const chunk = (type: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows.length, 4);
  header.set([depth, colourType], 8);
  const pixels = deflateSync(Buffer.from(rows.flat()));
  const half = pixels.length >> 1;
  const path = join(folder, 'image.png');
  writeFileSync(
    path,
    Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', header),
      chunk('IDAT', pixels.subarray(0, half)),
      chunk('IDAT', pixels.subarray(half)),
      chunk('IEND', Buffer.alloc(0)),
    ]),
  );
  return path;
}

describe('readPng', () => {
  it('undoes every filter, worked by hand', () => {
    const path = png(
      3,
      [
        [0, 10, 20, 30], // as it is
        [1, 5, 1, 250], // plus left: 5, 6, 256 = 0
        [2, 1, 1, 1], // plus up
        [3, 4, 4, 4], // plus half of left and up: (0, 6), (7, 7), (11, 1)
        [4, 1, 1, 1], // plus what is nearest to left + up - corner: up 7; up 11 of (8, 11, 7); corner 11 of (12, 10, 11)
      ],
      0,
    );
    expect(readPng(path)).toMatchObject({ height: 5, width: 3, channels: 1 });
    expect([...readPng(path).data]).toEqual([10, 20, 30, 5, 6, 0, 6, 7, 1, 7, 11, 10, 8, 12, 12]);
  });

  it('reads colour and alpha, left meaning the pixel before', () => {
    expect([...readPng(png(2, [[1, 1, 2, 3, 1, 1, 1]], 2)).data]).toEqual([1, 2, 3, 2, 3, 4]);
    expect(readPng(png(1, [[0, 1, 2, 3, 4]], 6))).toMatchObject({ channels: 4, data: Uint8Array.of(1, 2, 3, 4) });
  });

  it('refuses what it does not read', () => {
    expect(() => readPng(png(1, [[0, 1]], 3))).toThrow(/image\.png: not an 8-bit grey, RGB or RGBA PNG/u);
    expect(() => readPng(png(1, [[0, 1, 1]], 0, 16))).toThrow(/not an 8-bit/u);
  });
});

describe('readPanopticIds', () => {
  it('puts three bytes together, the red one lowest', () => {
    expect([...readPanopticIds(png(2, [[0, 1, 2, 3, 7, 0, 0]], 2)).ids]).toEqual([1 + 2 * 256 + 3 * 65536, 7]);
    expect([...readPanopticIds(png(2, [[0, 4, 5]], 0)).ids]).toEqual([4, 5]);
  });
});
