import { encodeMask, rleArea, rleBbox, type RgbImage, type Segment } from '@u2seg/core';
import type { InferOptions, PanopticMap, Prediction } from '@u2seg/heads';
import { shortestEdgeSize, type ImageResizer } from '../augment/augment.ts';

/** What a network says about a photo, in the photo's pixels. */
export interface PanopticPrediction {
  readonly height: number;
  readonly width: number;
  /** By descending score; boxes are those of the masks. Masks without a pixel are left out. */
  readonly instances: readonly Segment[];
  /** [H, W]: 0 thing, `1 + cluster` stuff; absent without a semantic branch. */
  readonly semantic?: Uint8Array;
  /** Absent without a semantic branch. */
  readonly panoptic?: PanopticMap;
}

/** A network that predicts: `PanopticCascadeModel`, or its exported graph in another runtime. */
export interface Predictor {
  infer(image: RgbImage, options?: InferOptions): Prediction | Promise<Prediction>;
}

export interface PredictOptions {
  /** Length of the shorter side the network sees, in pixels; absent: the photo's own size. */
  readonly shortestEdge?: number;
  /** Longest side the network sees. */
  readonly maxSize?: number;
  /** Resizes photos; needed with `shortestEdge`. */
  readonly resize?: ImageResizer;
  /** Size of the result; the photo's own when absent. */
  readonly output?: { readonly height: number; readonly width: number };
  /** Instances with a lower score are left out of `instances`; the panoptic map has a threshold of its own. */
  readonly minScore?: number;
}

export const predictDefaults: { readonly maxSize: number; readonly minScore: number } = { maxSize: 1333, minScore: 0 };

/**
 * Runs a network on a photo of any size.
 *
 * 1. resize the photo as in training (detectron2's `ResizeShortestEdge`);
 * 2. detect, segment, combine;
 * 3. give everything back in the photo's own pixels.
 */
export async function predictPanoptic(
  model: Predictor,
  image: RgbImage,
  options: PredictOptions = {},
): Promise<PanopticPrediction> {
  const { maxSize, minScore } = { ...predictDefaults, ...options };
  const input = await networkImage(image, options, maxSize);
  const { height, width } = options.output ?? image;
  const prediction = await model.infer(input, { output: { height, width } });
  return {
    height,
    width,
    instances: segmentsOf(prediction).filter(({ score }) => score >= minScore),
    ...(prediction.semantic === undefined ? {} : { semantic: Uint8Array.from(prediction.semantic) }),
    ...(prediction.panoptic === undefined ? {} : { panoptic: prediction.panoptic }),
  };
}

async function networkImage(image: RgbImage, options: PredictOptions, maxSize: number): Promise<RgbImage> {
  const { shortestEdge, resize } = options;
  if (shortestEdge === undefined || resize === undefined) return image;
  const { height, width } = shortestEdgeSize(image.height, image.width, shortestEdge, maxSize);
  return height === image.height && width === image.width ? image : resize(image, height, width);
}

/** A prediction's instances with run-length masks. */
export function segmentsOf(prediction: Prediction): Segment[] {
  const { masks, scores, classes } = prediction.instances;
  return masks.flatMap((mask, i): Segment[] => {
    const rle = encodeMask(mask);
    const area = rleArea(rle);
    if (area === 0) return [];
    return [{ mask: rle, bboxXywh: rleBbox(rle), area, score: scores[i]!, clusterId: classes[i]! }];
  });
}
