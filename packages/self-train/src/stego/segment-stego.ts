import { assertInteger, U2SegError, type PatchFeatures, type RgbImage } from '@u2seg/core';
import { eachPixel, gridCode } from './code-grid.ts';
import type { StegoModel } from './stego-model.ts';

/**
 * Sharpens a label map with the photo: [K, H, W] log-probabilities -> [H, W] labels in [0, K). `denseCrf` of
 * `@u2seg/maskcut` with STEGO's settings fits behind it.
 */
export type StegoCrf = (
  image: RgbImage,
  logProbabilities: Float32Array,
  labels: number,
) => ArrayLike<number> | Promise<ArrayLike<number>>;

export interface SegmentStegoOptions {
  /** H and W of the map wanted, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Features of the photo mirrored left to right; their code is averaged in, as STEGO evaluates. */
  readonly mirrored?: PatchFeatures;
  /** Needs `image`, [H, W]. */
  readonly crf?: StegoCrf;
  readonly image?: RgbImage;
  /** Sharpness of the log-probabilities handed to the CRF; 2 in STEGO. */
  readonly alpha?: number;
}

export const segmentStegoDefaults: { readonly alpha: number } = { alpha: 2 };

/** Which cluster each pixel belongs to. */
export interface StegoSegmentation {
  /** [H, W] in [0, clusters). */
  readonly labels: Uint16Array;
  readonly height: number;
  readonly width: number;
  readonly clusters: number;
}

/**
 * Semantic clusters of one photo: code on the grid, upsampled bilinearly to the pixels, nearest direction of the cluster
 * probe; ties to the lower cluster.
 *
 * @throws U2SegError `shape-mismatch` if the features are not as wide as the model's, or grids or image do not fit
 */
export async function segmentStego(
  model: StegoModel,
  features: PatchFeatures,
  options: SegmentStegoOptions,
): Promise<StegoSegmentation> {
  const { height, width, alpha } = { ...segmentStegoDefaults, ...options };
  assertInteger('segmentStego: height', height, 1);
  assertInteger('segmentStego: width', width, 1);
  const { clusters, codeDim } = model.config;
  const { gridH, gridW } = features;
  const code = await gridCode(model, features, options.mirrored);
  const directions = unitDirections(model);
  // The code is upsampled linearly, so its products with the directions may be upsampled instead: K values, not C.
  const products = new Float32Array(gridH * gridW * clusters);
  for (let cell = 0; cell < gridH * gridW; cell += 1) {
    for (let k = 0; k < clusters; k += 1) {
      let sum = 0;
      for (let j = 0; j < codeDim; j += 1) sum += code[cell * codeDim + j]! * directions[k * codeDim + j]!;
      products[cell * clusters + k] = sum;
    }
  }
  if (options.crf === undefined) {
    const labels = new Uint16Array(height * width);
    eachPixel(products, gridH, gridW, clusters, height, width, (pixel, values) => {
      let best = 0;
      for (let k = 1; k < clusters; k += 1) if (values[k]! > values[best]!) best = k;
      labels[pixel] = best;
    });
    return { labels, height, width, clusters };
  }
  const { image } = options;
  if (image === undefined || image.height !== height || image.width !== width) {
    throw new U2SegError(
      'shape-mismatch',
      `segmentStego: image must be [${height}, ${width}] for the CRF, got ${image === undefined ? 'none' : `[${image.height}, ${image.width}]`}.`,
    );
  }
  const log = logProbabilities(code, products, features, codeDim, clusters, height, width, alpha);
  const refined = await options.crf(image, log, clusters);
  return { labels: Uint16Array.from(refined), height, width, clusters };
}

/** [K, C] rows of length one. */
function unitDirections(model: StegoModel): Float32Array {
  const { clusters, codeDim } = model.config;
  const values = (model.clusterProbe.directions.dataSync() as Float32Array).slice();
  for (let k = 0; k < clusters; k += 1) {
    const row = values.subarray(k * codeDim, (k + 1) * codeDim);
    const length = Math.max(Math.hypot(...row), 1e-12);
    for (let j = 0; j < codeDim; j += 1) row[j]! /= length;
  }
  return values;
}

/** [K, H, W] log of the softmax of `alpha` times the cosine of each pixel's code. */
function logProbabilities(
  code: Float32Array,
  products: Float32Array,
  { gridH, gridW }: PatchFeatures,
  codeDim: number,
  clusters: number,
  height: number,
  width: number,
  alpha: number,
): Float32Array {
  const lengths = new Float32Array(height * width);
  eachPixel(code, gridH, gridW, codeDim, height, width, (pixel, values) => {
    let sum = 0;
    for (let j = 0; j < codeDim; j += 1) sum += values[j]! * values[j]!;
    lengths[pixel] = Math.max(Math.sqrt(sum), 1e-12);
  });
  const area = height * width;
  const out = new Float32Array(clusters * area);
  eachPixel(products, gridH, gridW, clusters, height, width, (pixel, values) => {
    const scale = alpha / lengths[pixel]!;
    let sum = 0;
    for (let k = 0; k < clusters; k += 1) sum += Math.exp(values[k]! * scale);
    const normalizer = Math.log(sum);
    for (let k = 0; k < clusters; k += 1) out[k * area + pixel] = values[k]! * scale - normalizer;
  });
  return out;
}
