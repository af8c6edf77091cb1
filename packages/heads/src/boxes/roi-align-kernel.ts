/** Size of a channels-last feature map. */
export interface MapSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** How regions are pooled; `aligned` is always on, as in detectron2's `ROIAlignV2`. */
export interface RoiAlignOptions {
  /** Side of the pooled square, in bins. */
  readonly outputSize: number;
  /** Feature cells per input pixel: 1 / stride. */
  readonly spatialScale: number;
  /** Samples per bin and axis; 0 takes as many as the bin spans cells, rounded up. */
  readonly samplingRatio: number;
}

/** Where one axis of a region samples the map. */
export interface AxisSampling {
  /** First sample of the first bin, in cells. */
  readonly first: number;
  /** Distance of neighbouring samples, in cells. */
  readonly step: number;
  /** Samples per bin; 0 for an empty region. */
  readonly perBin: number;
}

/**
 * Sampling of one axis, from the region's two ends in input pixels. The intermediate roundings are those of a float32
 * implementation, because the number of samples jumps at whole cells.
 */
export function axisSampling(from: number, to: number, options: RoiAlignOptions): AxisSampling {
  const scale = Math.fround(options.spatialScale);
  const start = Math.fround(Math.fround(from * scale) - 0.5);
  const end = Math.fround(Math.fround(to * scale) - 0.5);
  const binSize = Math.fround(Math.fround(end - start) / options.outputSize);
  const perBin = options.samplingRatio > 0 ? options.samplingRatio : Math.max(Math.ceil(binSize), 0);
  if (perBin === 0) return { first: start, step: 0, perBin };
  const step = binSize / perBin;
  return { first: start + 0.5 * step, step, perBin };
}

export interface AxisWeights {
  /** First cell with a weight. */
  readonly start: number;
  /** Number of cells covered; 0 when every sample falls outside. */
  readonly count: number;
  /** [outputSize, count] mean interpolation weights of each bin. */
  readonly weights: Float64Array;
}

/**
 * Interpolation weights of one axis. Bilinear sampling, clamping to the edge within one cell, zero beyond it and
 * averaging over a bin are all products of an x and a y factor, so a region is pooled by two small matrices.
 */
function axisWeights(sampling: AxisSampling, size: number, outputSize: number): AxisWeights {
  const total = outputSize * sampling.perBin;
  let start = size;
  let end = -1;
  for (let i = 0; i < total; i += 1) {
    const position = sampling.first + i * sampling.step;
    if (position < -1 || position > size) continue;
    const low = Math.min(Math.floor(Math.max(position, 0)), size - 1);
    start = Math.min(start, low);
    end = Math.max(end, Math.min(low + 1, size - 1));
  }
  const count = Math.max(end - start + 1, 0);
  const weights = new Float64Array(outputSize * count);
  for (let i = 0; i < total; i += 1) {
    const position = sampling.first + i * sampling.step;
    if (position < -1 || position > size) continue;
    const clamped = Math.max(position, 0);
    const low = Math.min(Math.floor(clamped), size - 1);
    const share = low === size - 1 ? 0 : clamped - low;
    const row = Math.floor(i / sampling.perBin) * count - start;
    weights[row + low]! += (1 - share) / sampling.perBin;
    if (share > 0) weights[row + low + 1]! += share / sampling.perBin;
  }
  return { start, count, weights };
}

/**
 * ROIAlign of channels-last maps, separably: rows first, then columns.
 *
 * @param maps - [B, H, W, C]
 * @param boxesXyxy - [R, 4] input pixels
 * @param images - [R] in [0, B)
 * @returns [R, outputSize, outputSize, C]
 */
export function roiAlignForward(
  maps: Float32Array,
  size: MapSize,
  boxesXyxy: Float32Array,
  images: Int32Array,
  options: RoiAlignOptions,
): Float32Array {
  const { height, width, channels } = size;
  const side = options.outputSize;
  const out = new Float32Array(images.length * side * side * channels);
  let column = new Float32Array(0);
  for (let r = 0; r < images.length; r += 1) {
    const { rows, columns } = boxWeights(boxesXyxy, r, size, options);
    if (rows.count === 0 || columns.count === 0) continue;
    const span = columns.count * channels;
    if (column.length < span) column = new Float32Array(span);
    for (let py = 0; py < side; py += 1) {
      column.fill(0, 0, span);
      for (let y = 0; y < rows.count; y += 1) {
        const weight = rows.weights[py * rows.count + y]!;
        if (weight === 0) continue;
        const from = ((images[r]! * height + rows.start + y) * width + columns.start) * channels;
        for (let k = 0; k < span; k += 1) column[k]! += weight * maps[from + k]!;
      }
      for (let px = 0; px < side; px += 1) {
        const to = ((r * side + py) * side + px) * channels;
        for (let x = 0; x < columns.count; x += 1) {
          const weight = columns.weights[px * columns.count + x]!;
          if (weight === 0) continue;
          for (let c = 0; c < channels; c += 1) out[to + c]! += weight * column[x * channels + c]!;
        }
      }
    }
  }
  return out;
}

/**
 * Gradient of {@link roiAlignForward} with respect to the maps, added to `mapsGradient` [B, H, W, C]. Regions are
 * visited in order, so the sums are the same every time.
 */
export function roiAlignBackward(
  gradient: Float32Array,
  mapsGradient: Float32Array,
  size: MapSize,
  boxesXyxy: Float32Array,
  images: Int32Array,
  options: RoiAlignOptions,
): void {
  const { height, width, channels } = size;
  const side = options.outputSize;
  let column = new Float32Array(0);
  for (let r = 0; r < images.length; r += 1) {
    const { rows, columns } = boxWeights(boxesXyxy, r, size, options);
    if (rows.count === 0 || columns.count === 0) continue;
    const span = columns.count * channels;
    if (column.length < span) column = new Float32Array(span);
    for (let py = 0; py < side; py += 1) {
      column.fill(0, 0, span);
      for (let px = 0; px < side; px += 1) {
        const from = ((r * side + py) * side + px) * channels;
        for (let x = 0; x < columns.count; x += 1) {
          const weight = columns.weights[px * columns.count + x]!;
          if (weight === 0) continue;
          for (let c = 0; c < channels; c += 1) column[x * channels + c]! += weight * gradient[from + c]!;
        }
      }
      for (let y = 0; y < rows.count; y += 1) {
        const weight = rows.weights[py * rows.count + y]!;
        if (weight === 0) continue;
        const to = ((images[r]! * height + rows.start + y) * width + columns.start) * channels;
        for (let k = 0; k < span; k += 1) mapsGradient[to + k]! += weight * column[k]!;
      }
    }
  }
}

/** Weights of both axes of region `r`. */
export function boxWeights(
  boxesXyxy: Float32Array,
  r: number,
  size: MapSize,
  options: RoiAlignOptions,
): { rows: AxisWeights; columns: AxisWeights } {
  const horizontal = axisSampling(boxesXyxy[4 * r]!, boxesXyxy[4 * r + 2]!, options);
  const vertical = axisSampling(boxesXyxy[4 * r + 1]!, boxesXyxy[4 * r + 3]!, options);
  return {
    rows: axisWeights(vertical, size.height, options.outputSize),
    columns: axisWeights(horizontal, size.width, options.outputSize),
  };
}
