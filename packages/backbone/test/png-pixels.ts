import type { RgbImage } from '@u2seg/core';
import { inflateSync } from 'node:zlib';

/** Pixels of an 8-bit RGB PNG without interlacing, as the goldens hold them; so this package's tests need no image library. */
export function pngPixels(file: Buffer): RgbImage {
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  if (file[24] !== 8 || file[25] !== 2 || file[28] !== 0) throw new Error('pngPixels reads 8-bit RGB only');
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = 3 * width;
  const data = new Uint8Array(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)]!;
    for (let x = 0; x < stride; x += 1) {
      const left = x < 3 ? 0 : data[y * stride + x - 3]!;
      const up = y === 0 ? 0 : data[(y - 1) * stride + x]!;
      const upLeft = x < 3 || y === 0 ? 0 : data[(y - 1) * stride + x - 3]!;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter]!;
      data[y * stride + x] = raw[y * (stride + 1) + 1 + x]! + predicted;
    }
  }
  return { data, height, width };
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const [byLeft, byUp, byCorner] = [left, up, upLeft].map((value) => Math.abs(estimate - value)) as [
    number,
    number,
    number,
  ];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : upLeft;
}
