/** `torch.nn.functional.interpolate` for masks and fields: no antialiasing, source coordinates in float32 as torch has them. */
import { assertInteger, assertLength } from '@u2seg/core';

type Field = Float32Array | Uint8Array | Int32Array;

export interface FieldShape {
  /** Planes; each is resized alone. */
  readonly channels?: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Resizes by the nearest value: `mode="nearest"`, source index `floor(out * in / out size)`.
 *
 * @param field - [channels, H, W]
 * @returns [channels, height, width], of the field's own type
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 */
export function interpolateNearest<T extends Field>(field: T, shape: FieldShape, height: number, width: number): T {
  const channels = check('interpolateNearest', field, shape, height, width);
  const out = new (field.constructor as new (length: number) => T)(channels * height * width);
  const rows = nearestSources(shape.height, height);
  const columns = nearestSources(shape.width, width);
  for (let c = 0, to = 0; c < channels; c += 1) {
    for (let y = 0; y < height; y += 1) {
      const row = (c * shape.height + rows[y]!) * shape.width;
      for (let x = 0; x < width; x += 1, to += 1) out[to] = field[row + columns[x]!]!;
    }
  }
  return out;
}

/**
 * Resizes bilinearly: `mode="bilinear", align_corners=False`.
 *
 * @param field - [channels, H, W]
 * @returns [channels, height, width]
 * @throws U2SegError `shape-mismatch` or `out-of-range`
 */
export function interpolateBilinear(
  field: Float32Array,
  shape: FieldShape,
  height: number,
  width: number,
): Float32Array {
  const channels = check('interpolateBilinear', field, shape, height, width);
  const out = new Float32Array(channels * height * width);
  const rows = linearSources(shape.height, height);
  const columns = linearSources(shape.width, width);
  for (let c = 0, to = 0; c < channels; c += 1) {
    const plane = c * shape.height * shape.width;
    for (let y = 0; y < height; y += 1) {
      const upper = plane + rows.low[y]! * shape.width;
      const lower = plane + rows.high[y]! * shape.width;
      const down = rows.share[y]!;
      for (let x = 0; x < width; x += 1, to += 1) {
        const left = columns.low[x]!;
        const right = columns.high[x]!;
        const across = columns.share[x]!;
        const top = field[upper + left]! * (1 - across) + field[upper + right]! * across;
        const bottom = field[lower + left]! * (1 - across) + field[lower + right]! * across;
        out[to] = top * (1 - down) + bottom * down;
      }
    }
  }
  return out;
}

function nearestSources(inSize: number, outSize: number): Int32Array {
  const scale = Math.fround(inSize / outSize);
  return Int32Array.from({ length: outSize }, (_, i) => Math.min(inSize - 1, Math.floor(Math.fround(i * scale))));
}

function linearSources(inSize: number, outSize: number): { low: Int32Array; high: Int32Array; share: Float32Array } {
  const scale = Math.fround(inSize / outSize);
  const low = new Int32Array(outSize);
  const high = new Int32Array(outSize);
  const share = new Float32Array(outSize);
  for (let i = 0; i < outSize; i += 1) {
    const source = Math.max(0, Math.fround(Math.fround(scale * (i + 0.5)) - 0.5));
    low[i] = Math.min(inSize - 1, Math.trunc(source));
    high[i] = Math.min(inSize - 1, low[i]! + 1);
    share[i] = source - low[i]!;
  }
  return { low, high, share };
}

function check(where: string, field: Field, shape: FieldShape, height: number, width: number): number {
  const { channels = 1 } = shape;
  assertInteger(`${where}: height`, height, 1);
  assertInteger(`${where}: width`, width, 1);
  assertLength(`${where}: field`, field.length, [channels, shape.height, shape.width]);
  return channels;
}
