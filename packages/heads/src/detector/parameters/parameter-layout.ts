import type { ParameterLayout } from './layer-specs.ts';

export interface LaidOut {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Run-time shape of a tensor whose shape on disk is `shape`. */
export function runtimeShape(shape: readonly number[], layout: ParameterLayout): number[] {
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  if (layout.kind === 'convolution') return [c, d, b, a];
  if (layout.kind === 'deconvolution') return [a, c * d * b];
  if (layout.kind === 'linear' || layout.kind === 'linear-on-map') return [b, a];
  return [...shape];
}

/** Torch's order of values to ours. */
export function toRuntime(data: Float32Array, shape: readonly number[], layout: ParameterLayout): LaidOut {
  const out = new Float32Array(data.length);
  visit(shape, layout, (disk, runtime) => {
    out[runtime] = data[disk]!;
  });
  return { data: out, shape: runtimeShape(shape, layout) };
}

/** Our order of values to torch's; `shape` is the shape on disk. */
export function toDisk(data: Float32Array, shape: readonly number[], layout: ParameterLayout): LaidOut {
  const out = new Float32Array(data.length);
  visit(shape, layout, (disk, runtime) => {
    out[disk] = data[runtime]!;
  });
  return { data: out, shape };
}

/** Calls `pair` with the flat index on disk and at run time of every value. */
function visit(shape: readonly number[], layout: ParameterLayout, pair: (disk: number, runtime: number) => void): void {
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  let disk = 0;
  switch (layout.kind) {
    case 'convolution':
      // [out, in, y, x] -> [y, x, in, out]
      for (let o = 0; o < a; o += 1)
        for (let i = 0; i < b; i += 1) for (let k = 0; k < c * d; k += 1, disk += 1) pair(disk, (k * b + i) * a + o);
      return;
    case 'deconvolution':
      // [in, out, y, x] -> [in, y, x, out]
      for (let i = 0; i < a; i += 1)
        for (let o = 0; o < b; o += 1)
          for (let k = 0; k < c * d; k += 1, disk += 1) pair(disk, (i * c * d + k) * b + o);
      return;
    case 'linear':
      for (let o = 0; o < a; o += 1) for (let i = 0; i < b; i += 1, disk += 1) pair(disk, i * a + o);
      return;
    case 'linear-on-map':
      // [out, (channel, place)] -> [(place, channel), out]
      for (let o = 0; o < a; o += 1)
        for (let channel = 0; channel < layout.channels; channel += 1)
          for (let place = 0; place < layout.area; place += 1, disk += 1)
            pair(disk, (place * layout.channels + channel) * a + o);
      return;
    case 'vector':
      for (disk = 0; disk < a * b * c * d; disk += 1) pair(disk, disk);
  }
}
