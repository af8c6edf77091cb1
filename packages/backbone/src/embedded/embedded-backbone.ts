import {
  assertImage,
  assertInteger,
  U2SegError,
  type Backbone,
  type BackboneInfo,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { denseDescriptors, descriptorDim } from './dense-descriptors.ts';

export interface EmbeddedBackboneOptions {
  /** Side of a patch, in pixels of the image given. */
  readonly patchSize?: number;
}

export const embeddedBackboneDefaults: Required<EmbeddedBackboneOptions> = { patchSize: 8 };

/**
 * The backbone that needs no download: dense descriptors of colour, contrast, texture and place, made by hand. No weights, no
 * labels, nothing learned; weaker than any trained network, and honest about it in `info.name`.
 *
 * The global descriptor is the mean and the standard deviation of the patch descriptors.
 *
 * @throws U2SegError `out-of-range` for a patch below 2 pixels
 */
export function createEmbeddedBackbone(options: EmbeddedBackboneOptions = {}): Backbone {
  const { patchSize } = { ...embeddedBackboneDefaults, ...options };
  assertInteger('createEmbeddedBackbone: patchSize', patchSize, 2, 64);
  const info: BackboneInfo = {
    name: 'embedded-descriptors',
    dim: descriptorDim,
    clsDim: 2 * descriptorDim,
    patchSize,
    license: 'Apache-2.0',
    weightsSha256: 'none',
  };
  return {
    info,
    extract: async (image) => extract(image, patchSize),
    dispose: async () => {},
  };
}

function extract(image: RgbImage, patchSize: number): PatchFeatures {
  assertImage('embedded backbone', image);
  const { data: rgb, height, width } = image;
  if (height % patchSize !== 0 || width % patchSize !== 0) {
    throw new U2SegError(
      'shape-mismatch',
      `embedded backbone: image sides must be multiples of ${patchSize}, got [${height}, ${width}].`,
    );
  }
  const data = denseDescriptors(rgb, height, width, patchSize);
  const gridH = height / patchSize;
  const gridW = width / patchSize;
  return { data, gridH, gridW, dim: descriptorDim, patchSize, cls: globalDescriptor(data, gridH * gridW) };
}

/** [2 D]: mean and standard deviation over the patches. */
function globalDescriptor(data: Float32Array, cells: number): Float32Array {
  const out = new Float32Array(2 * descriptorDim);
  for (let j = 0; j < descriptorDim; j += 1) {
    let [sum, squares] = [0, 0];
    for (let cell = 0; cell < cells; cell += 1) {
      const value = data[cell * descriptorDim + j]!;
      sum += value;
      squares += value * value;
    }
    const mean = sum / cells;
    out[j] = mean;
    out[descriptorDim + j] = Math.sqrt(Math.max(0, squares / cells - mean * mean));
  }
  return out;
}
