import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

/** An 8-bit gray or RGB PNG, not interlaced: what label maps and panoptic maps are. Tests only; the product's reader is in datasets. */
export function readPng(file: string): { data: Uint8Array; height: number; width: number; channels: number } {
  const bytes = readFileSync(file);
  const parts: Buffer[] = [];
  let width = 0;
  let height = 0;
  let channels = 0;
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const kind = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === 'IHDR') {
      width = body.readUInt32BE(0);
      height = body.readUInt32BE(4);
      const known = new Map([
        [0, 1],
        [2, 3],
      ]).get(body[9]!);
      if (body[8] !== 8 || known === undefined || body[12] !== 0)
        throw new Error(`${file}: not an 8-bit gray or RGB PNG`);
      channels = known;
    }
    if (kind === 'IDAT') parts.push(body);
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const data = new Uint8Array(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)]!;
    for (let i = 0; i < stride; i += 1) {
      const left = i >= channels ? data[y * stride + i - channels]! : 0;
      const up = y > 0 ? data[(y - 1) * stride + i]! : 0;
      const corner = y > 0 && i >= channels ? data[(y - 1) * stride + i - channels]! : 0;
      const estimate = left + up - corner;
      const [dl, du, dc] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
      const paeth = dl <= du && dl <= dc ? left : du <= dc ? up : corner;
      const predicted = [0, left, up, (left + up) >> 1, paeth][filter]!;
      data[y * stride + i] = raw[y * (stride + 1) + 1 + i]! + predicted;
    }
  }
  return { data, height, width, channels };
}

/** Segment ids of a COCO panoptic PNG: R + 256 G + 65536 B. */
export function readPanopticIds(file: string): { ids: Uint32Array; height: number; width: number } {
  const { data, height, width, channels } = readPng(file);
  const ids = new Uint32Array(height * width);
  for (let i = 0; i < ids.length; i += 1) {
    ids[i] = data[channels * i]! + (channels === 3 ? 256 * data[3 * i + 1]! + 65536 * data[3 * i + 2]! : 0);
  }
  return { ids, height, width };
}
