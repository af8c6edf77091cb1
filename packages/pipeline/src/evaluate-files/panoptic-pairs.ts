/** Which annotation of a prediction belongs to which of the ground truth, and how their maps overlap. */
import { availableParallelism } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { mapOrdered, U2SegError, WorkerPool } from '@u2seg/core';
import type {
  ClusteredSegment,
  ComparedImage,
  PanopticAnnotation,
  PanopticDataset,
  PanopticSegment,
} from '@u2seg/metrics';
import { comparePair, type PairJob } from './compare-pair.ts';
import type { EvaluationOptions } from './evaluation.ts';

/** Annotations of one image in both files. */
export interface AnnotationPairs {
  readonly found: ReadonlyMap<PanopticAnnotation, PanopticAnnotation>;
  readonly nameOf: (annotation: PanopticAnnotation) => string;
  /** Predictions for images without ground truth. */
  readonly unmatched: readonly string[];
}

/** Pairs below which starting threads takes longer than they save. */
const fewPairs = 32;

/**
 * Compares every annotated image with its prediction, on worker threads where there are many, and yields the results in the order
 * of the ground truth. Maps stay in the threads; a few comparisons wait for their turn.
 *
 * @param segmentsOf - a prediction's segments as the evaluator wants them
 * @throws U2SegError `not-found` for an image without a prediction, and as {@link comparePair}
 */
export async function* comparePairs(
  gt: PanopticDataset,
  { gt: gtPath, pred: predictionPath, threads }: Pick<EvaluationOptions, 'gt' | 'pred' | 'threads'>,
  { found, nameOf }: AnnotationPairs,
  segmentsOf: (segments: readonly PanopticSegment[]) => readonly ClusteredSegment[],
): AsyncGenerator<{ readonly image: ComparedImage; readonly predicted: readonly PanopticSegment[] }> {
  const sizes = new Map(gt.images.map((image) => [image.id, image]));
  const lacking = gt.annotations.find((annotation) => !found.has(annotation));
  if (lacking !== undefined) {
    throw new U2SegError(
      'not-found',
      `${predictionPath}: has no annotation for image ${nameOf(lacking)} of ${gtPath}.`,
    );
  }
  const size = gt.annotations.length < fewPairs ? 0 : (threads ?? Math.min(8, availableParallelism()));
  const pool =
    size === 0
      ? undefined
      : new WorkerPool<PairJob, ComparedImage>(new URL('./panoptic-worker.ts', import.meta.url), { size });
  const compare = async (annotation: PanopticAnnotation) => {
    const predicted = found.get(annotation)!;
    const listed = sizes.get(annotation.imageId);
    const job: PairJob = {
      name: nameOf(annotation),
      gtPng: join(pngFolder(gtPath), annotation.fileName),
      predictionPng: join(pngFolder(predictionPath), predicted.fileName),
      ...(listed === undefined || listed.height === 0 ? {} : { listed: { ...listed, file: gtPath } }),
      gt: annotation.segments,
      prediction: segmentsOf(predicted.segments),
    };
    return { image: await (pool?.run(job) ?? comparePair(job)), predicted: predicted.segments };
  };
  try {
    yield* mapOrdered(gt.annotations, 2 * Math.max(1, size), compare);
  } finally {
    await pool?.close();
  }
}

/** The PNGs lie in a folder named like the JSON. */
function pngFolder(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}

/**
 * Annotations of one image in both files: by the name of the image's file where both list their images under different names
 * (ids may then differ), else by id.
 */
export function pairAnnotations(gt: PanopticDataset, prediction: PanopticDataset): AnnotationPairs {
  const named = ({ images, annotations }: PanopticDataset): ReadonlyMap<number, string> | undefined => {
    const names = new Map(images.map(({ id, fileName }) => [id, fileName]));
    const used = annotations.map(({ imageId }) => names.get(imageId) ?? '');
    return new Set(used).size === used.length && !used.includes('') ? names : undefined;
  };
  const [gtNames, predictionNames] = [named(gt), named(prediction)];
  const byName = gtNames !== undefined && predictionNames !== undefined;
  const keyOf = (names: ReadonlyMap<number, string> | undefined, { imageId }: PanopticAnnotation): string =>
    (byName ? names?.get(imageId) : undefined) ?? `${imageId}`;
  const predicted = new Map(prediction.annotations.map((one) => [keyOf(predictionNames, one), one]));
  const found = new Map<PanopticAnnotation, PanopticAnnotation>();
  for (const annotation of gt.annotations) {
    const key = keyOf(gtNames, annotation);
    const match = predicted.get(key);
    if (match !== undefined) found.set(annotation, match);
    predicted.delete(key);
  }
  return {
    found,
    nameOf: (annotation) => gtNames?.get(annotation.imageId) ?? `${annotation.imageId}`,
    unmatched: [...predicted.keys()],
  };
}
