import { decodeMask, rleArea, rleBbox, U2SegError, type OnProgress } from '@u2seg/core';
import type { AnnotatedSegment, Dataset } from '@u2seg/datasets';
import type { PanopticCascadeModel } from '@u2seg/heads';
import {
  CocoAccumulator,
  detectionsFrom,
  groundTruthFrom,
  PanopticQuality,
  type CocoStats,
  type PanopticAverage,
  type PanopticImage,
} from '@u2seg/metrics';
import { predictPanoptic, type AnnotatedClasses } from '@u2seg/self-train';
import { resizePhoto } from '../photos/resize-photo.ts';
import { photoOf } from './annotated-photos.ts';

/** Class-aware numbers of a supervised network, in [0, 1]. */
export interface AnnotatedScores {
  readonly photos: number;
  readonly bbox: CocoStats;
  readonly segm: CocoStats;
  /** Absent without stuff classes. */
  readonly panoptic?: {
    readonly all: PanopticAverage;
    readonly things: PanopticAverage;
    readonly stuff: PanopticAverage;
  };
}

/** Predicts every photo of a data set and scores it class by class: nothing is matched, classes were taught. */
export async function scoreAnnotated(
  model: PanopticCascadeModel,
  dataset: Dataset,
  classes: AnnotatedClasses,
  options: {
    readonly shortestEdge: number;
    readonly maxSize: number;
    readonly minScore: number;
    readonly onProgress: OnProgress;
  },
): Promise<AnnotatedScores> {
  const { shortestEdge, maxSize, minScore, onProgress } = options;
  const things = dataset.categories.filter(({ isThing }) => isThing);
  const [bbox, segm] = [new CocoAccumulator({ iouType: 'bbox' }), new CocoAccumulator({ iouType: 'segm' })];
  const quality = new PanopticQuality(dataset.categories.map(({ id, name, isThing }) => ({ id, name, isThing })));
  let withPanoptic = classes.stuff.length > 0;
  for (const [i, listed] of dataset.images.entries()) {
    const { segments, height, width } = await dataset.load(listed);
    const image = await photoOf(listed);
    if (image.height !== height || image.width !== width) {
      throw new U2SegError(
        'shape-mismatch',
        `${listed.path} has ${image.width} x ${image.height} pixels, its annotation ${width} x ${height}.`,
      );
    }
    const found = await predictPanoptic(model, image, { shortestEdge, maxSize, resize: resizePhoto, minScore });
    const truth = groundTruthFrom(
      [{ id: i, height, width, fileName: listed.id }],
      things,
      segments.flatMap(({ isThing, mask, categoryId, isCrowd }) =>
        isThing && mask !== undefined
          ? [{ imageId: i, categoryId, mask, bboxXywh: rleBbox(mask), area: rleArea(mask), crowd: isCrowd }]
          : [],
      ),
    );
    const detections = detectionsFrom(
      truth,
      found.instances.map(({ mask, bboxXywh, score, clusterId }) => ({
        imageId: i,
        mask,
        bboxXywh,
        score,
        categoryId: classes.things[clusterId]!,
      })),
    );
    bbox.update(truth, detections);
    segm.update(truth, detections);
    const { panoptic } = found;
    if (panoptic === undefined) withPanoptic = false;
    else {
      quality.update(
        paintSegments(segments, height * width),
        {
          ids: Uint32Array.from(panoptic.ids),
          segments: panoptic.segments.map(({ id, isThing, category }) => ({
            id,
            categoryId: isThing ? classes.things[category]! : classes.stuff[category - 1]!,
          })),
        },
        listed.id,
      );
    }
    onProgress({ stage: 'evaluate', done: i + 1, total: dataset.images.length, unit: 'photos' });
  }
  const { all, things: ofThings, stuff } = quality.compute();
  return {
    photos: dataset.images.length,
    bbox: bbox.compute().stats,
    segm: segm.compute().stats,
    ...(withPanoptic ? { panoptic: { all, things: ofThings, stuff } } : {}),
  };
}

/** The panoptic map of an image's annotated regions, in their order; void where there is none. */
function paintSegments(segments: readonly AnnotatedSegment[], pixels: number): PanopticImage {
  const ids = new Uint32Array(pixels);
  segments.forEach(({ mask }, i) => {
    if (mask === undefined) return;
    const { data } = decodeMask(mask);
    for (let p = 0; p < pixels; p += 1) if (data[p] !== 0) ids[p] = i + 1;
  });
  const visible = new Set(ids);
  return {
    ids,
    segments: segments.flatMap(({ categoryId, isCrowd }, i) =>
      visible.has(i + 1) ? [{ id: i + 1, categoryId, isCrowd }] : [],
    ),
  };
}
