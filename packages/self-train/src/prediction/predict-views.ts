import { decodeMask, U2SegError, type RgbImage } from '@u2seg/core';
import { combinePanoptic, type DetectorConfig } from '@u2seg/heads';
import { shortestEdgeSize, type ImageResizer } from '../augment/augment.ts';
import { windowOfImage, windowOfMap, windowOfSegment, type Geometry } from '../augment/geometry.ts';
import {
  predictDefaults,
  predictPanoptic,
  type PanopticPrediction,
  type PredictOptions,
  type Predictor,
} from './predict-panoptic.ts';
import { joinInstances, voteSemantic } from './vote-views.ts';

export interface ViewOptions extends Pick<PredictOptions, 'maxSize' | 'minScore'> {
  /** Lengths of the shorter side, in pixels; one view each. */
  readonly shortestEdges: readonly number[];
  readonly resize: ImageResizer;
  /** Also look at the mirror image of every size. */
  readonly flip?: boolean;
  /** Instances of two views that overlap by this IoU are one. */
  readonly minIou?: number;
}

/** A network that predicts and says what it is: `PanopticCascadeModel`, or its exported graph with the model file’s config. */
export interface ConfiguredPredictor extends Predictor {
  readonly config: Pick<DetectorConfig, 'panoptic' | 'roi'>;
}

export const viewDefaults: { readonly flip: boolean; readonly minIou: number } = { flip: true, minIou: 0.5 };

/**
 * Prediction from several sizes and the mirror image of a photo, joined: a teacher's test-time augmentation.
 *
 * CUPS averages logits; here the views vote, which needs nothing but their results (see {@link joinInstances}).
 *
 * @throws U2SegError `out-of-range` if no size is given
 */
export async function predictViews(
  model: ConfiguredPredictor,
  image: RgbImage,
  options: ViewOptions,
): Promise<PanopticPrediction> {
  const { shortestEdges, resize, flip, minIou, maxSize, minScore } = {
    ...predictDefaults,
    ...viewDefaults,
    ...options,
  };
  if (shortestEdges.length === 0) {
    throw new U2SegError('out-of-range', 'predictViews: shortestEdges must hold at least one length, got none.');
  }
  const { height, width } = image;
  const mirror: Geometry = { scaledHeight: height, scaledWidth: width, mirrored: true, top: 0, left: 0, height, width };
  const views: PanopticPrediction[] = [];
  for (const edge of shortestEdges) {
    const size = shortestEdgeSize(height, width, edge, maxSize);
    const unchanged = size.height === height && size.width === width;
    const scaled = unchanged ? image : await resize(image, size.height, size.width);
    views.push(await predictAt(model, scaled, image));
    if (flip) {
      const window: Geometry = { ...mirror, ...size, scaledHeight: size.height, scaledWidth: size.width };
      views.push(mirrored(await predictAt(model, windowOfImage(scaled, window), image), mirror));
    }
  }
  const joined = joinInstances(
    views.map(({ instances }) => instances),
    minIou,
  ).slice(0, model.config.roi.detectionsPerImage);
  const instances = joined.filter(({ score }) => score >= minScore);
  if (views[0]!.semantic === undefined) return { height, width, instances };
  const semantic = voteSemantic(views.map((view) => view.semantic!));
  const panoptic = combinePanoptic(
    {
      masks: joined.map(({ mask }) => decodeMask(mask)),
      scores: Float32Array.from(joined, ({ score }) => score),
      classes: Int32Array.from(joined, ({ clusterId }) => clusterId),
      semantic,
    },
    model.config.panoptic,
  );
  return { height, width, instances, semantic, panoptic };
}

/** Prediction on a resized photo, in the photo's pixels. */
async function predictAt(model: ConfiguredPredictor, scaled: RgbImage, image: RgbImage): Promise<PanopticPrediction> {
  return predictPanoptic(model, scaled, { output: { height: image.height, width: image.width } });
}

function mirrored(prediction: PanopticPrediction, mirror: Geometry): PanopticPrediction {
  const { height, width, instances, semantic } = prediction;
  return {
    height,
    width,
    instances: instances.flatMap((segment) => windowOfSegment(segment, mirror) ?? []),
    ...(semantic === undefined ? {} : { semantic: windowOfMap(semantic, height, width, mirror, 0) }),
  };
}
