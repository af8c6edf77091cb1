import {
  decodeMask,
  type Backbone,
  type BinaryMask,
  type MaskProposal,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';

/** Margin of an instance's crop on every side, as a share of the box's sides. */
const cropMargin = 0.1;

/**
 * Descriptor of each proposal: mean of the normalized patch features under its mask, cells weighted by the share of the
 * cell it covers.
 *
 * @returns [proposals, D]
 */
export function maskMeans(features: PatchFeatures, proposals: readonly Pick<MaskProposal, 'mask'>[]): Float32Array {
  const { data, gridH, gridW, dim } = features;
  const lengths = new Float32Array(gridH * gridW);
  for (let cell = 0; cell < lengths.length; cell += 1) {
    let sum = 0;
    for (let j = 0; j < dim; j += 1) sum += data[cell * dim + j]! ** 2;
    lengths[cell] = Math.sqrt(sum) || 1;
  }
  const out = new Float32Array(proposals.length * dim);
  proposals.forEach(({ mask }, row) => {
    const cover = gridCover(decodeMask(mask), gridH, gridW);
    let total = 0;
    for (let cell = 0; cell < cover.length; cell += 1) {
      const weight = cover[cell]!;
      if (weight === 0) continue;
      total += weight;
      for (let j = 0; j < dim; j += 1) out[row * dim + j]! += (weight * data[cell * dim + j]!) / lengths[cell]!;
    }
    for (let j = 0; j < dim; j += 1) out[row * dim + j]! /= total || 1;
  });
  return out;
}

/**
 * Descriptor of each proposal: global descriptor (CLS token) of the photo cut to its box, as U2Seg clusters instances. The
 * script that cut U2Seg's crops was never released; ours keeps the background and adds a margin of 10 %.
 *
 * @returns [proposals, D']
 */
export async function cropDescriptors(
  image: RgbImage,
  proposals: readonly Pick<MaskProposal, 'bboxXywh'>[],
  backbone: Backbone,
  size: number,
): Promise<Float32Array> {
  const { clsDim } = backbone.info;
  const out = new Float32Array(proposals.length * clsDim);
  for (const [row, { bboxXywh }] of proposals.entries()) {
    const crop = cropOf(image, bboxXywh);
    const { cls } = await backbone.extract(resizePillow(crop, size, size, 'bilinear'));
    out.set(cls!, row * clsDim);
  }
  return out;
}

function cropOf(image: RgbImage, [x, y, w, h]: readonly [number, number, number, number]): RgbImage {
  const left = Math.max(0, Math.floor(x - cropMargin * w));
  const top = Math.max(0, Math.floor(y - cropMargin * h));
  const width = Math.min(image.width, Math.ceil(x + w * (1 + cropMargin))) - left;
  const height = Math.min(image.height, Math.ceil(y + h * (1 + cropMargin))) - top;
  const data = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row += 1) {
    const from = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, height, width };
}

/** [gridH, gridW] pixels of a mask in each cell of a grid stretched over the photo. */
function gridCover({ data, height, width }: BinaryMask, gridH: number, gridW: number): Float32Array {
  const cover = new Float32Array(gridH * gridW);
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor((x * gridW) / width));
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor((y * gridH) / height) * gridW;
    for (let x = 0; x < width; x += 1) if (data[y * width + x] !== 0) cover[row + columns[x]!]! += 1;
  }
  return cover;
}
