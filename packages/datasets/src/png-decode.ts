/**
 * A PNG reader that returns stored samples: palette indices stay indices and 16 bits stay 16 bits. Label maps need that;
 * photo libraries expand palettes to colours and apply profiles.
 */
import { crc32, inflate } from 'node:zlib';
import { promisify } from 'node:util';
import { U2SegError } from '@u2seg/core';

const inflateAsync = promisify(inflate);

export interface PngSamples {
  readonly height: number;
  readonly width: number;
  /** 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGBA. */
  readonly channels: 1 | 2 | 3 | 4;
  /** 1, 2, 4, 8 or 16, as stored. */
  readonly bitDepth: number;
  /** [H, W, channels]; 16-bit samples in a Uint16Array, narrower ones one a byte, not rescaled. */
  readonly samples: Uint8Array | Uint16Array;
  /** R G B triples; present when the samples are indices into it. */
  readonly palette?: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const channelsOfType: Readonly<Record<number, 1 | 2 | 3 | 4>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOfType: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** Adam7: first column, first row, column step, row step of each pass. */
const adam7: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

interface Header {
  readonly height: number;
  readonly width: number;
  readonly bitDepth: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly indexed: boolean;
  readonly interlaced: boolean;
}

/**
 * Decodes a PNG, interlaced ones too; the checksum of every chunk is verified.
 *
 * @param name - how messages call the file
 * @throws U2SegError `bad-format` if the bytes are not a whole, undamaged PNG; `out-of-range` above `maxPixels`
 */
export async function decodePngSamples(bytes: Uint8Array, name: string, maxPixels = 1e8): Promise<PngSamples> {
  const { header, data, palette } = readChunks(bytes, name);
  if (header.height * header.width > maxPixels) {
    throw new U2SegError(
      'out-of-range',
      `${name}: PNG of ${header.width} x ${header.height} pixels is above the limit of ${maxPixels} pixels.`,
    );
  }
  const passes = passesOf(header);
  const wanted = passes.reduce((sum, pass) => sum + pass.height * (1 + rowBytes(header, pass.width)), 0);
  let raw: Uint8Array;
  try {
    // deflate shrinks at most 1032-fold, so that a header that lies cannot make us allocate
    const chunkSize = Math.max(64, Math.min(wanted + 1, data.length * 1040));
    const inflated = await inflateAsync(data, { maxOutputLength: Math.max(wanted, 1), chunkSize });
    raw = new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length);
  } catch (cause) {
    throw bad(name, `its compressed data are damaged or cut off (${(cause as Error).message})`, cause);
  }
  if (raw.length !== wanted) throw bad(name, `its data hold ${raw.length} bytes where ${wanted} were wanted`);
  const count = header.height * header.width * header.channels;
  const samples = header.bitDepth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  let offset = 0;
  for (const pass of passes) {
    const stride = rowBytes(header, pass.width);
    const rows = raw.subarray(offset, offset + pass.height * (stride + 1));
    unfilter(rows, pass.height, stride, Math.max(1, (header.channels * header.bitDepth) >> 3), name);
    placeSamples(rows, stride, header, pass, samples);
    offset += rows.length;
  }
  const { height, width, channels, bitDepth } = header;
  if (!header.indexed) return { height, width, channels, bitDepth, samples };
  if (palette === undefined) throw bad(name, 'its palette (PLTE) is missing');
  return { height, width, channels, bitDepth, samples, palette };
}

function readChunks(bytes: Uint8Array, name: string): { header: Header; data: Uint8Array; palette?: Uint8Array } {
  if (bytes.length < 8 || signature.some((byte, i) => bytes[i] !== byte)) throw bad(name, 'it is not a PNG file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let at = 8;
  for (;;) {
    if (at + 12 > bytes.length) throw bad(name, 'it is cut off before its end (IEND)');
    const length = view.getUint32(at);
    const type = String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!);
    if (at + 12 + length > bytes.length) throw bad(name, `it is cut off inside ${JSON.stringify(type)} at byte ${at}`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw bad(name, `the checksum of ${JSON.stringify(type)} at byte ${at} is wrong`);
    }
    if (type === 'IHDR') header = readHeader(body, name);
    else if (type === 'PLTE') palette = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === undefined) throw bad(name, 'its header (IHDR) is missing');
  if (data.length === 0) throw bad(name, 'it holds no image data (IDAT)');
  const joined = data.length === 1 ? data[0]! : Buffer.concat(data);
  return palette === undefined ? { header, data: joined } : { header, data: joined, palette };
}

function readHeader(body: Uint8Array, name: string): Header {
  if (body.length !== 13) throw bad(name, `its header holds ${body.length} bytes where 13 were wanted`);
  const view = new DataView(body.buffer, body.byteOffset, 13);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [bitDepth, colourType, , , interlace] = body.subarray(8) as unknown as [number, number, number, number, number];
  if (width === 0 || height === 0) throw bad(name, `its size is ${width} x ${height}`);
  const channels = channelsOfType[colourType];
  if (channels === undefined || !depthsOfType[colourType]!.includes(bitDepth)) {
    throw bad(name, `colour type ${colourType} with ${bitDepth} bits is not PNG`);
  }
  return { height, width, bitDepth, channels, indexed: colourType === 3, interlaced: interlace === 1 };
}

interface Pass {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly height: number;
  readonly width: number;
}

function passesOf({ height, width, interlaced }: Header): Pass[] {
  if (!interlaced) return [{ x0: 0, y0: 0, dx: 1, dy: 1, height, width }];
  return adam7
    .map(([x0, y0, dx, dy]) => ({
      x0,
      y0,
      dx,
      dy,
      height: Math.max(0, Math.ceil((height - y0) / dy)),
      width: Math.max(0, Math.ceil((width - x0) / dx)),
    }))
    .filter((pass) => pass.height > 0 && pass.width > 0);
}

function rowBytes(header: Header, width: number): number {
  return Math.ceil((width * header.channels * header.bitDepth) / 8);
}

/**
 * Undoes the row filters in place; `rows` is [height, 1 + stride] with the filter's number first. One plain loop for
 * each filter: a branch for each byte costs five times the time.
 */
function unfilter(rows: Uint8Array, height: number, stride: number, step: number, name: string): void {
  const zeros = new Uint8Array(stride);
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1) + 1;
    const row = rows.subarray(start, start + stride);
    const above = y === 0 ? zeros : rows.subarray(start - stride - 1, start - 1);
    const filter = rows[start - 1]!;
    if (filter > 4) throw bad(name, `row ${y} has the unknown filter ${filter}`);
    if (filter === 1) addLeft(row, step);
    else if (filter === 2) addUp(row, above);
    else if (filter === 3) addMean(row, above, step);
    else if (filter === 4) addPaeth(row, above, step);
  }
}

function addLeft(row: Uint8Array, step: number): void {
  for (let i = step; i < row.length; i += 1) row[i] = row[i]! + row[i - step]!;
}

function addUp(row: Uint8Array, above: Uint8Array): void {
  for (let i = 0; i < row.length; i += 1) row[i] = row[i]! + above[i]!;
}

function addMean(row: Uint8Array, above: Uint8Array, step: number): void {
  for (let i = 0; i < step && i < row.length; i += 1) row[i] = row[i]! + (above[i]! >> 1);
  for (let i = step; i < row.length; i += 1) row[i] = row[i]! + ((row[i - step]! + above[i]!) >> 1);
}

function addPaeth(row: Uint8Array, above: Uint8Array, step: number): void {
  for (let i = 0; i < step && i < row.length; i += 1) row[i] = row[i]! + above[i]!;
  for (let i = step; i < row.length; i += 1) {
    const left = row[i - step]!;
    const up = above[i]!;
    const corner = above[i - step]!;
    const toLeft = Math.abs(up - corner);
    const toUp = Math.abs(left - corner);
    const toCorner = Math.abs(left + up - corner - corner);
    let guess = corner;
    if (toLeft <= toUp && toLeft <= toCorner) guess = left;
    else if (toUp <= toCorner) guess = up;
    row[i] = row[i]! + guess;
  }
}

function placeSamples(
  rows: Uint8Array,
  stride: number,
  header: Header,
  pass: Pass,
  out: Uint8Array | Uint16Array,
): void {
  const { channels, bitDepth, width } = header;
  const perRow = pass.width * channels;
  for (let y = 0; y < pass.height; y += 1) {
    const start = y * (stride + 1) + 1;
    const outRow = (pass.y0 + y * pass.dy) * width;
    if (bitDepth === 8 && pass.dx === 1) {
      out.set(rows.subarray(start, start + perRow), outRow * channels);
      continue;
    }
    for (let i = 0; i < perRow; i += 1) {
      const x = Math.floor(i / channels);
      out[(outRow + pass.x0 + x * pass.dx) * channels + (i % channels)] = sampleAt(rows, start, i, bitDepth);
    }
  }
}

function sampleAt(rows: Uint8Array, start: number, index: number, bitDepth: number): number {
  if (bitDepth === 8) return rows[start + index]!;
  if (bitDepth === 16) return (rows[start + 2 * index]! << 8) | rows[start + 2 * index + 1]!;
  const bit = index * bitDepth;
  return (rows[start + (bit >> 3)]! >> (8 - bitDepth - (bit & 7))) & ((1 << bitDepth) - 1);
}

function bad(name: string, why: string, cause?: unknown): U2SegError {
  return new U2SegError('bad-format', `${name}: ${why}.`, { cause });
}
