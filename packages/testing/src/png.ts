/** PNG files for tests, read apart from the product's reader in datasets, so that goldens do not depend on what they test. */
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

/** Pixels of a PNG file. */
export interface PngPixels {
  /** [H, W, channels] row-major. */
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** 1 for grey, 3 for RGB, 4 for RGB with alpha. */
  readonly channels: number;
}

/** Length and type before the body of a chunk, checksum after it. */
const chunkFrame = 12;

/** Channels by the colour type of the header. */
const channelsOf: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [6, 4],
]);

/**
 * Reads an 8-bit grey, RGB or RGBA file without interlacing; checksums are not looked at.
 *
 * @throws Error naming the file if it is another kind of PNG
 */
export function readPng(path: string): PngPixels {
  const file = readFileSync(path);
  // the header is the first chunk, behind the signature of 8 bytes
  const header = file.subarray(16, 29);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = channelsOf.get(header[9]!);
  if (header[8] !== 8 || channels === undefined || header[12] !== 0) {
    throw new Error(`${path}: not an 8-bit grey, RGB or RGBA PNG without interlacing`);
  }
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length; at += chunkFrame + file.readUInt32BE(at)) {
    const isData = file.toString('latin1', at + 4, at + 8) === 'IDAT';
    if (isData) parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  }
  return { data: unfiltered(inflateSync(Buffer.concat(parts)), height, width, channels), height, width, channels };
}

/** Segment ids of a COCO panoptic PNG, R + 256 G + 65536 B; of a grey one, its values. */
export function readPanopticIds(path: string): { ids: Uint32Array; height: number; width: number } {
  const { data, height, width, channels } = readPng(path);
  const ids = new Uint32Array(height * width);
  for (let i = 0; i < ids.length; i += 1) {
    const at = channels * i;
    ids[i] = channels === 1 ? data[at]! : data[at]! + 256 * data[at + 1]! + 65536 * data[at + 2]!;
  }
  return { ids, height, width };
}

/** Undoes the filter of each row, named by the byte before it. */
function unfiltered(raw: Buffer, height: number, width: number, channels: number): Uint8Array {
  const stride = width * channels;
  const data = new Uint8Array(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)]!;
    for (let x = 0; x < stride; x += 1) {
      const left = x < channels ? 0 : data[y * stride + x - channels]!;
      const up = y === 0 ? 0 : data[(y - 1) * stride + x]!;
      const corner = x < channels || y === 0 ? 0 : data[(y - 1) * stride + x - channels]!;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      data[y * stride + x] = raw[y * (stride + 1) + 1 + x]! + predicted;
    }
  }
  return data;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [byLeft, byUp, byCorner] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}
