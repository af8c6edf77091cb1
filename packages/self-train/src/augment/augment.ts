import { U2SegError, type RgbImage, type SeededRng } from '@u2seg/core';
import type { TrainingExample } from '../data/training-set.ts';
import { semanticIgnore } from '../merge/merge-panoptic.ts';
import { jitterColor, type ColorJitter } from './color-jitter.ts';
import { windowOfImage, windowOfMap, windowOfSegment, type Geometry } from './geometry.ts';

/** Resizes a photo; Pillow's bilinear in the reference. Given by the caller, because photo handling is another package. */
export type ImageResizer = (image: RgbImage, height: number, width: number) => RgbImage | Promise<RgbImage>;

/** Random scale, then a window of fixed size (arXiv:2012.07177). */
export interface LargeScaleJitter {
  /** The photo fits a box of the window's size times a factor drawn from [minScale, maxScale]. */
  readonly minScale: number;
  readonly maxScale: number;
  /** Window, in pixels; filled where the photo is smaller. */
  readonly height: number;
  readonly width: number;
}

export interface AugmentOptions {
  /** Chance of a horizontal mirror image, in [0, 1]. */
  readonly flip?: number;
  /** Lengths of the shorter side to choose from, in pixels; empty keeps the size. */
  readonly shortestEdge?: readonly number[];
  /** Longest side allowed, in pixels; goes before the shorter side's length. */
  readonly maxSize?: number;
  /** Used in place of `shortestEdge` when given. */
  readonly largeScaleJitter?: LargeScaleJitter;
  readonly colorJitter?: ColorJitter;
}

/** U2Seg's and CutLER's training input. */
export const augmentDefaults: Required<Pick<AugmentOptions, 'flip' | 'shortestEdge' | 'maxSize'>> = {
  flip: 0.5,
  shortestEdge: [240, 320, 480, 640, 672, 704, 736, 768, 800, 1024],
  maxSize: 1333,
};

/**
 * Random resize, mirror image, window and colours of an example; masks and maps follow by nearest neighbour.
 *
 * The draws and their order depend on the options only, so one seed gives one result: seed the generator with
 * `deriveSeed(seed, 'augment', iteration, index)`.
 *
 * @returns a new example; instances that are left without a pixel are gone, boxes and areas are those of the new masks
 * @throws U2SegError `shape-mismatch` if the resizer returns another size than it was asked for
 */
export async function augment(
  example: TrainingExample,
  rng: SeededRng,
  resize: ImageResizer,
  options: AugmentOptions = {},
): Promise<TrainingExample> {
  const settings = { ...augmentDefaults, ...options };
  const { image } = example;
  const geometry = drawGeometry(image, rng, settings);
  const { scaledHeight, scaledWidth } = geometry;
  const sameSize = scaledHeight === image.height && scaledWidth === image.width;
  const scaled = sameSize ? image : await resize(image, scaledHeight, scaledWidth);
  if (scaled.height !== scaledHeight || scaled.width !== scaledWidth) {
    throw new U2SegError(
      'shape-mismatch',
      `augment: resize must return [${scaledHeight}, ${scaledWidth}], got [${scaled.height}, ${scaled.width}].`,
    );
  }
  const placed = windowOfImage(scaled, geometry);
  const map = (values: Uint8Array, fill: number): Uint8Array =>
    windowOfMap(values, image.height, image.width, geometry, fill);
  return {
    ...example,
    image: settings.colorJitter === undefined ? placed : jitterColor(placed, settings.colorJitter, rng),
    instances: example.instances.flatMap((segment) => windowOfSegment(segment, geometry) ?? []),
    ...(example.semantic === undefined ? {} : { semantic: map(example.semantic, semanticIgnore) }),
    ...(example.ignore === undefined ? {} : { ignore: map(example.ignore, 0) }),
  };
}

/** Size with the shorter side at `edge` and no side above `maxSize`; detectron2's `ResizeShortestEdge`. */
export function shortestEdgeSize(
  height: number,
  width: number,
  edge: number,
  maxSize: number,
): { readonly height: number; readonly width: number } {
  let scale = edge / Math.min(height, width);
  let h = height < width ? edge : scale * height;
  let w = height < width ? scale * width : edge;
  if (Math.max(h, w) > maxSize) {
    scale = maxSize / Math.max(h, w);
    h *= scale;
    w *= scale;
  }
  return { height: Math.max(1, Math.trunc(h + 0.5)), width: Math.max(1, Math.trunc(w + 0.5)) };
}

function drawGeometry(
  image: RgbImage,
  rng: SeededRng,
  settings: typeof augmentDefaults & Pick<AugmentOptions, 'largeScaleJitter'>,
): Geometry {
  const { largeScaleJitter: jitter, shortestEdge } = settings;
  if (jitter !== undefined) {
    const factor = jitter.minScale + (jitter.maxScale - jitter.minScale) * rng.next();
    const scale = Math.min((jitter.height * factor) / image.height, (jitter.width * factor) / image.width);
    const scaledHeight = Math.max(1, Math.trunc(image.height * scale + 0.5));
    const scaledWidth = Math.max(1, Math.trunc(image.width * scale + 0.5));
    const top = Math.floor(rng.next() * (Math.max(0, scaledHeight - jitter.height) + 1));
    const left = Math.floor(rng.next() * (Math.max(0, scaledWidth - jitter.width) + 1));
    const mirrored = rng.next() < settings.flip;
    return { scaledHeight, scaledWidth, mirrored, top, left, height: jitter.height, width: jitter.width };
  }
  const edge = shortestEdge.length === 0 ? undefined : shortestEdge[rng.integer(shortestEdge.length)]!;
  const size = edge === undefined ? image : shortestEdgeSize(image.height, image.width, edge, settings.maxSize);
  const { height, width } = size;
  const mirrored = rng.next() < settings.flip;
  return { scaledHeight: height, scaledWidth: width, mirrored, top: 0, left: 0, height, width };
}
