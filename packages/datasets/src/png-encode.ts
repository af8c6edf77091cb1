/** Writes label maps as PNG: grey 8 or 16 bit, indices with a palette, or RGB, samples stored as they are. */
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import type { PngSamples } from './png-decode.ts';

const deflateAsync = promisify(deflate);

/**
 * Encodes stored samples as PNG (8 or 16 bits, not interlaced). Label maps are long runs, so rows are stored as the
 * difference to the row above where that helps: filter `up` throughout.
 */
export async function encodePngSamples(image: Omit<PngSamples, 'bitDepth'>): Promise<Uint8Array> {
  const { height, width, channels, samples, palette } = image;
  const wide = samples instanceof Uint16Array;
  const stride = width * channels * (wide ? 2 : 1);
  const raw = new Uint8Array(height * (stride + 1));
  const bytes = wide ? bigEndian(samples) : samples;
  for (let y = 0; y < height; y += 1) {
    const out = y * (stride + 1);
    raw[out] = y === 0 ? 0 : 2;
    for (let i = 0; i < stride; i += 1) {
      const at = y * stride + i;
      raw[out + 1 + i] = bytes[at]! - (y === 0 ? 0 : bytes[at - stride]!);
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = wide ? 16 : 8;
  header[9] = palette === undefined ? { 1: 0, 2: 4, 3: 2, 4: 6 }[channels] : 3;
  const data = await deflateAsync(raw, { level: 6 });
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    ...(palette === undefined ? [] : [chunk('PLTE', palette)]),
    chunk('IDAT', data),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

function bigEndian(samples: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  for (let i = 0; i < samples.length; i += 1) {
    bytes[2 * i] = samples[i]! >> 8;
    bytes[2 * i + 1] = samples[i]! & 255;
  }
  return bytes;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}
